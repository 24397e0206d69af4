import type { ReplayState } from './decide-replay';
import { reconnecting, refused, unsupported } from './room-words';
import { words, type Words } from './stage';
import { text } from './strings';

/** What the page of a replay says about its state; null while the picture or its poster says it. */
export function describeReplay(state: ReplayState): Words | null {
  switch (state.is) {
    case 'playing':
    case 'ready':
    case 'paused':
    case 'ended':
    case 'blocked':
      return null;
    case 'loading':
      return words('spinner', text('loading'));
    case 'connecting':
      return words('spinner', '');
    case 'stalled':
      return words('spinner', text('stalled'));
    case 'reconnecting':
      return reconnecting(state.refusal);
    case 'refused':
      return refused(state.refusal, text('replayRefused'));
    case 'unsupported':
      return unsupported(state.codec);
    case 'missing':
      switch (state.why) {
        case 'absent':
          return words('film', text('replayAbsent'), text('replayAbsentHint'), 'list');
        case 'hidden':
          return words('lock', text('replayHidden'), text('replayHiddenHint'), 'retry');
        case 'gone':
          return words('moon', text('replayGone'), text('replayGoneHint'), 'list');
      }
  }
}
