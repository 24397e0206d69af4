import { isObject } from '../api';
import { askPublic } from './catalogue';

/** What signs the picture: the queries of its addresses. Some signatures are over the path, so each form has its own. */
export interface Pass {
  flv: string;
  hls: string;
}

/** How much of its time a signature is used before the next is fetched. */
const USED = 0.8;
/** Between two questions at least. */
const AGAIN_MS = 2_000;
/** Longest wait; more would not fit a timer. */
const WAIT_MAX_MS = 86_400_000;

/**
 * Keeps what a signed-in viewer plays a room with, fetched with their token and again before it ends. Without a token, or where
 * playing is not signed, it is what the page's address has.
 */
export function playPass(
  room: string,
  token: string | null,
  query: string,
  serverNow: () => number,
  changed: () => void,
): { readonly pass: Pass | null; render: (wanted: boolean) => void } {
  const own: Pass = { flv: query, hls: query };
  let pass = token === null ? own : null;
  let timer = 0;
  let asking = false;
  const ask = async () => {
    asking = true;
    const found = await askPublic(room, token);
    const play = isObject(found?.play) ? found.play : null;
    const [flv, hls] = [queryOf(play?.flv), queryOf(play?.hls)];
    const ends = Date.parse(String(found?.play_expires_at));
    // Not to be had: no answer, or a token that is over. What was there before may be good still.
    pass = flv || hls ? { flv: flv || hls, hls: hls || flv } : (pass ?? own);
    const left = Number.isNaN(ends) ? null : ends - serverNow();
    if (found === null || left !== null) {
      const wait = Math.min(Math.max((left ?? 0) * USED, AGAIN_MS), WAIT_MAX_MS);
      timer = window.setTimeout(() => void ask(), wait);
    }
    changed();
  };
  const render = (wanted: boolean) => {
    if (wanted && !asking && token !== null) void ask();
    if (wanted || !asking) return;
    clearTimeout(timer);
    asking = false;
  };
  return {
    get pass() {
      return pass;
    },
    render,
  };
}

/** The query of an address with its question mark; nothing where there is none. */
function queryOf(address: unknown): string {
  const at = typeof address === 'string' ? address.indexOf('?') : -1;
  return at < 0 ? '' : String(address).slice(at);
}
