import { get, isObject, refusalIn, type AudioTrack, type Refusal, type VideoTrack } from './api';
import type { Replay } from './route';

/** A show that was recorded, as its page sees it. */
export interface Show {
  id: string;
  app: string;
  stream: string;
  title: string;
  started_at: string;
  duration_ms: number;
  /** It is still growing. */
  recording: boolean;
  video: VideoTrack | null;
  audio: AudioTrack | null;
  /** Paths or addresses, signed where they must be; null for what is not to be had. */
  urls: {
    hls: string | null;
    mp4: string | null;
    flv: string | null;
    poster: string | null;
    thumbnails: string | null;
  };
}

/** Why a show cannot be watched. */
export type Absence = 'absent' | 'hidden' | 'gone';

/** What the server says about a replay. */
export type ReplayAnswer =
  | { kind: 'show'; show: Show }
  | { kind: 'missing'; why: Absence; code: string }
  | { kind: 'refused'; refusal: Refusal }
  | { kind: 'failed'; refusal: Refusal | null };

/** What is known about a replay. It never throws. */
export async function askReplay({ id, query }: Replay): Promise<ReplayAnswer> {
  try {
    const { status, body } = await get(`/api/v1/replays/${encodeURIComponent(id)}${query}`);
    return understandReplay(status, body);
  } catch {
    return { kind: 'failed', refusal: null };
  }
}

/** The meaning of an answer's status and body. */
export function understandReplay(status: number, body: unknown): ReplayAnswer {
  if (status === 200 && isObject(body) && isObject(body.urls)) {
    return { kind: 'show', show: body as unknown as Show };
  }
  const refusal = refusalIn(body);
  const code = refusal?.code ?? `http_${status}`;
  if (/hidden/.test(code)) return { kind: 'missing', why: 'hidden', code };
  if (status === 404) return { kind: 'missing', why: 'absent', code };
  if (status === 410) return { kind: 'missing', why: 'gone', code };
  if (status === 401 || status === 403) {
    return { kind: 'refused', refusal: refusal ?? { code, message: '', message_zh: '' } };
  }
  return { kind: 'failed', refusal };
}
