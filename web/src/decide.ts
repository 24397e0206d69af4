import type { Answer, Live, Refusal } from './api';

/** What the room shows. */
export type State =
  | {
      is:
        | 'loading'
        | 'connecting'
        | 'playing'
        | 'stalled'
        | 'away'
        | 'waiting'
        | 'ended'
        | 'blocked'
        | 'paused';
    }
  | { is: 'reconnecting'; refusal: Refusal | null }
  | { is: 'refused'; refusal: Refusal }
  | { is: 'unsupported'; codec: string | null };

/** What is to be done after the server answered while nothing plays. */
export interface Decision {
  state: State;
  /** `play` now, ask again soon (`poll`), ask again as after a failure (`retry`), or wait for the viewer (`stop`). */
  then: 'play' | 'poll' | 'retry' | 'stop';
}

/** Whether this browser decodes a codec string. */
export type Decodes = (kind: 'video' | 'audio', codecString: string) => boolean;

/** Decides from the answer; `seen` is whether this page has shown the stream before. */
export function decide(answer: Answer, seen: boolean, decodes: Decodes): Decision {
  switch (answer.kind) {
    case 'refused':
      return { state: { is: 'refused', refusal: answer.refusal }, then: 'stop' };
    case 'failed':
      return { state: { is: 'reconnecting', refusal: answer.refusal }, then: 'retry' };
    case 'absent':
      return { state: { is: seen ? 'ended' : 'waiting' }, then: 'poll' };
    case 'live': {
      if (!answer.live.on_air) return { state: { is: seen ? 'ended' : 'waiting' }, then: 'poll' };
      const codec = foreign(answer.live, decodes);
      // The host may switch to another codec, so the page keeps asking.
      if (codec) return { state: { is: 'unsupported', codec }, then: 'poll' };
      return { state: { is: 'connecting' }, then: 'play' };
    }
  }
}

/** The name of a codec that this browser cannot play, if there is one. */
function foreign(live: Live, decodes: Decodes): string | null {
  const { video, audio } = live;
  if (video?.codec_string && !decodes('video', video.codec_string)) return video.codec;
  if (audio?.codec_string && !decodes('audio', audio.codec_string)) return audio.codec;
  return null;
}
