import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Doubts, DOUBTS_MAX } from './doubts';
import { NativePlayer } from './native-player';
import type { Listener } from './playback';
import { Stalls } from './stalls';

const told: string[] = [];
const listener = new Proxy({} as Listener, { get: (_, name) => () => told.push(String(name)) });
const errors = {
  MEDIA_ERR_ABORTED: 1,
  MEDIA_ERR_NETWORK: 2,
  MEDIA_ERR_DECODE: 3,
  MEDIA_ERR_SRC_NOT_SUPPORTED: 4,
};
let doubts: Doubts;

beforeEach(() => {
  told.length = 0;
  doubts = new Doubts();
  vi.stubGlobal('MediaError', errors);
});
afterEach(() => vi.unstubAllGlobals());

/** A player that comes to an error, after it had the head of what it plays or before. */
function failing(code: number, loaded = false): void {
  const video = Object.assign(new EventTarget(), {
    seekable: { length: 0 },
    error: { code },
    play: async () => undefined,
    load: () => undefined,
    removeAttribute: () => undefined,
  });
  const start = { at: 'live' } as const;
  const player = new NativePlayer(video as never, '/a.m3u8', start, new Stalls(), listener, doubts);
  if (loaded) video.dispatchEvent(new Event('loadedmetadata'));
  video.dispatchEvent(new Event('error'));
  player.destroy();
}

test('what does not come at all may be refused or away: the server is asked, but not for ever', () => {
  for (let i = 0; i < DOUBTS_MAX; i++) failing(errors.MEDIA_ERR_SRC_NOT_SUPPORTED);
  expect(told).toEqual(Array(DOUBTS_MAX).fill('broken'));
  failing(errors.MEDIA_ERR_SRC_NOT_SUPPORTED);
  expect(told[DOUBTS_MAX]).toBe('undecodable');
});

test('one that came is no doubt any more, and what comes and cannot be decoded never was', () => {
  for (let i = 0; i < DOUBTS_MAX; i++) failing(errors.MEDIA_ERR_SRC_NOT_SUPPORTED);
  failing(errors.MEDIA_ERR_NETWORK, true);
  failing(errors.MEDIA_ERR_SRC_NOT_SUPPORTED);
  expect(told).toEqual(Array(DOUBTS_MAX + 2).fill('broken'));
  failing(errors.MEDIA_ERR_DECODE);
  expect(told[DOUBTS_MAX + 2]).toBe('undecodable');
});
