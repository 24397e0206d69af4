import type { Room } from './route';

/** A stream in the list. */
export interface Item {
  app: string;
  stream: string;
  title: string;
  on_air: boolean;
  viewers: number;
  started_at: string;
  /** The path of its cover, which changes with the picture. */
  cover: string | null;
}

/** The picture as its decoder configuration describes it. */
export interface VideoTrack {
  /** As people write it: `H.264`. */
  codec: string;
  /** As browsers ask for it: `avc1.64001f`. */
  codec_string: string;
  width: number | null;
  height: number | null;
  fps: number | null;
}

/** The sound. */
export interface AudioTrack {
  codec: string;
  codec_string: string;
  sample_rate: number | null;
  channels: number | null;
}

/** A stream as its page sees it. */
export interface Live extends Item {
  video: VideoTrack | null;
  audio: AudioTrack | null;
  bitrate_kbps: number;
  /** How far back HLS goes at this moment, in seconds. */
  rewind_seconds?: number;
  /** The recording of this show, if one goes on. */
  recording?: Recording | null;
  /**
   * Null for what is not there, and for what the address is not signed for. `hls` is missing where it is switched off,
   * `from_start` when the beginning of the show is not kept.
   */
  urls: {
    rtmp_port: number | null;
    flv: string | null;
    hls?: string | null;
    from_start?: string | null;
  };
}

/** The recording of a show that goes on. */
export interface Recording {
  id: string;
  /** When it began, in milliseconds since 1970 by the server's clock. */
  started_ms: number;
  /** How long ago that was. */
  age_ms: number;
  /** The list of its small pictures, by seconds since it began. */
  thumbnails: string | null;
}

/** Why the server said no, in both languages. */
export interface Refusal {
  code: string;
  message: string;
  message_zh: string;
}

/** What the server says about a stream. */
export type Answer =
  | { kind: 'live'; live: Live }
  | { kind: 'absent' }
  | { kind: 'refused'; refusal: Refusal }
  | { kind: 'failed'; refusal: Refusal | null };

/** The longest that a question may take; a phone that changed networks would wait for minutes otherwise. */
export const TIMEOUT_MS = 8_000;

/** What is known about a room. It never throws: no network is an answer too. */
export async function askRoom(room: Room): Promise<Answer> {
  const { path, query, hlsQuery = query } = room;
  // A signature over a path is told of that path alone.
  const asked = [ask(path, query), hlsQuery === query ? null : ask(path, hlsQuery)] as const;
  const [answer, hls] = await Promise.all(asked);
  if (answer.kind !== 'live' || hls?.kind !== 'live') return answer;
  const { hls: list, from_start } = hls.live.urls;
  return { kind: 'live', live: { ...answer.live, urls: { ...answer.live.urls, hls: list, from_start } } };
}

async function ask(path: string, query: string): Promise<Answer> {
  try {
    const { status, body } = await get(`/api/v1/live/${path}${query}`);
    return understand(status, body);
  } catch {
    return { kind: 'failed', refusal: null };
  }
}

/** The meaning of an answer's status and body. */
export function understand(status: number, body: unknown): Answer {
  if (status === 200 && isObject(body)) return { kind: 'live', live: body as unknown as Live };
  if (status === 404) return { kind: 'absent' };
  const refusal = refusalIn(body);
  if (status === 401 || status === 403) {
    return { kind: 'refused', refusal: refusal ?? { code: `http_${status}`, message: '', message_zh: '' } };
  }
  return { kind: 'failed', refusal };
}

/** What is on air, or null when the server does not answer. */
export async function askList(): Promise<Item[] | null> {
  try {
    const { ok, body } = await get('/api/v1/live');
    return ok && isObject(body) && Array.isArray(body.streams) ? (body.streams as Item[]) : null;
  } catch {
    return null;
  }
}

/** An answer of the API. */
export interface Told {
  ok: boolean;
  status: number;
  /** Null where it is no JSON. */
  body: unknown;
}

/** Asks the API; an answer that does not come in time, all of it, is none. */
export function get(address: string, headers: Record<string, string> = {}): Promise<Told> {
  return inTime(async (signal) => {
    const response = await fetch(address, { cache: 'no-store', signal, headers });
    const { ok, status } = response;
    const body: unknown = await response.json().catch((fault) => {
      if (signal.aborted) throw fault;
      return null;
    });
    return { ok, status, body };
  });
}

/** Asks with a signal that gives up in time; it must be over the answer's body too. */
export async function inTime<T>(ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS);
  try {
    return await ask(abort.signal);
  } finally {
    clearTimeout(timer);
  }
}

/** The same as a user; a token that is no good any more is a guest's. */
export async function getAs(token: string | null, address: string): Promise<Told> {
  if (token === null) return get(address);
  const answer = await get(address, { authorization: `Bearer ${token}` });
  return answer.status === 401 ? get(address) : answer;
}

/** The words of a refusal, if the server gave any. */
export function refusalIn(body: unknown): Refusal | null {
  const error = isObject(body) && isObject(body.error) ? body.error : null;
  if (!error || typeof error.code !== 'string') return null;
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  return { code: error.code, message: text(error.message), message_zh: text(error.message_zh) };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
