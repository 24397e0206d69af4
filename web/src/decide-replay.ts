import type { Refusal } from './api';
import { hlsWay, type Browser } from './choose';
import type { Absence, ReplayAnswer, Show } from './replay-api';

/** What the page of a replay shows. */
export type ReplayState =
  /** `ready`: the poster, before the viewer starts it. */
  | { is: 'loading' | 'ready' | 'connecting' | 'playing' | 'stalled' | 'paused' | 'ended' | 'blocked' }
  | { is: 'reconnecting'; refusal: Refusal | null }
  | { is: 'refused'; refusal: Refusal }
  | { is: 'missing'; why: Absence; code: string }
  | { is: 'unsupported'; codec: string | null };

/** What to do after the server answered while nothing plays. */
export interface ReplayDecision {
  state: ReplayState;
  then: 'ready' | 'retry' | 'stop';
}

export function decideReplay(answer: ReplayAnswer): ReplayDecision {
  switch (answer.kind) {
    case 'show':
      return { state: { is: 'ready' }, then: 'ready' };
    case 'missing':
      return { state: { is: 'missing', why: answer.why, code: answer.code }, then: 'stop' };
    case 'refused':
      return { state: { is: 'refused', refusal: answer.refusal }, then: 'stop' };
    case 'failed':
      return { state: { is: 'reconnecting', refusal: answer.refusal }, then: 'retry' };
  }
}

/** One way to play a show. */
export interface ReplayWay {
  way: 'hls' | 'native';
  url: string;
}

/**
 * The ways to play a show, best first: HLS, which begins at once and goes on through changes of the codec, then the
 * file. `asked` is the player that the page's address asks for.
 */
export function replayWays(show: Show, browser: Browser, asked: string | null): ReplayWay[] {
  const hls = hlsWay(browser, asked === 'native');
  const ways: ReplayWay[] = [];
  if (show.urls.hls && hls) ways.push({ way: hls, url: show.urls.hls });
  if (show.urls.mp4 && !show.recording) ways.push({ way: 'native', url: show.urls.mp4 });
  return asked === 'mp4' ? ways.reverse() : ways;
}
