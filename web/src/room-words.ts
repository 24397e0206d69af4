import type { Refusal } from './api';
import type { State } from './decide';
import { words, type Words } from './stage';
import { said, text } from './strings';

/** What a live room says about its state; null while the picture says it. */
export function describe(state: State): Words | null {
  switch (state.is) {
    case 'playing':
      return null;
    case 'loading':
      return words('spinner', text('loading'));
    case 'connecting':
      return words('spinner', text('connecting'));
    case 'stalled':
      return words('spinner', text('stalled'));
    case 'away':
      return words('spinner', text('away'), text('awayHint'));
    case 'waiting':
      return words('clock', text('waiting'), text('waitingHint'));
    case 'ended':
      return words('moon', text('ended'), text('endedHint'));
    case 'reconnecting':
      return reconnecting(state.refusal);
    case 'refused':
      return refused(state.refusal, text('refused'));
    case 'unsupported':
      return unsupported(state.codec);
    case 'blocked':
      return words('play', text('blocked'), '', 'play');
    case 'paused':
      // One who looks back sees where it stands, and a button in the middle.
      return state.kept ? null : words('play', text('paused'), text('pausedHint'), 'play');
  }
}

/** The connection is lost, and the page tries again. */
export function reconnecting(refusal: Refusal | null): Words {
  return words(
    'spinner',
    text('reconnecting'),
    inLanguage(refusal) || text('reconnectingHint'),
    'retry',
    refusal?.code,
  );
}

/** The server said no. */
export function refused(refusal: Refusal, title: string): Words {
  return words('lock', title, inLanguage(refusal) || text('refusedHint'), 'retry', refusal.code);
}

/** The browser cannot. */
export function unsupported(codec: string | null): Words {
  const named = codec ? text('unsupported', codec) : text('unsupportedAny');
  return words('film', named, text('unsupportedHint'), 'copy');
}

function inLanguage(refusal: Refusal | null): string {
  return (refusal && said(refusal)) || '';
}
