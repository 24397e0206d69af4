import type { Answer, Live, Refusal } from './api';
import type { Choice, Way } from './choose';

/** What the room shows. */
export type State =
  | { is: 'loading' | 'connecting' | 'playing' | 'stalled' | 'away' | 'waiting' | 'ended' | 'blocked' }
  /** `kept` when it goes on where it stands, not at the newest picture. */
  | { is: 'paused'; kept: boolean }
  | { is: 'reconnecting'; refusal: Refusal | null }
  | { is: 'refused'; refusal: Refusal }
  | { is: 'unsupported'; codec: string | null };

/** What is to be done after the server answered while nothing plays. */
export type Decision =
  | { state: State; then: 'play'; way: Way }
  /** Ask again soon (`poll`), ask again as after a failure (`retry`), or wait for the viewer (`stop`). */
  | { state: State; then: 'poll' | 'retry' | 'stop' };

/** Decides from the answer; `seen` is whether this page has shown the stream before, `choose` how it can be played. */
export function decide(answer: Answer, seen: boolean, choose: (live: Live) => Choice): Decision {
  switch (answer.kind) {
    case 'refused':
      return { state: { is: 'refused', refusal: answer.refusal }, then: 'stop' };
    case 'failed':
      return { state: { is: 'reconnecting', refusal: answer.refusal }, then: 'retry' };
    case 'absent':
      return { state: { is: seen ? 'ended' : 'waiting' }, then: 'poll' };
    case 'live': {
      if (!answer.live.on_air) return { state: { is: seen ? 'ended' : 'waiting' }, then: 'poll' };
      const choice = choose(answer.live);
      // The host may switch to another codec, so the page keeps asking.
      if (choice.way === null) return { state: { is: 'unsupported', codec: choice.codec }, then: 'poll' };
      return { state: { is: 'connecting' }, then: 'play', way: choice.way };
    }
  }
}
