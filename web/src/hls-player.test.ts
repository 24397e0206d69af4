import { ErrorDetails } from 'hls.js';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { HlsPlayer } from './hls-player';
import type { Listener } from './playback';
import { Quality } from './quality';
import { Stalls } from './stalls';

const recovered = vi.fn();
let fail: (details: string) => Promise<void>;
vi.mock('hls.js/light', async () => {
  const { ErrorDetails, ErrorTypes, Events } = await import('hls.js');
  class Library {
    latency = 0;
    on(event: string, told: (event: string, fault: object) => void): void {
      if (event !== Events.ERROR) return;
      fail = async (details) => {
        told(event, { fatal: true, type: ErrorTypes.MEDIA_ERROR, details });
        await vi.advanceTimersByTimeAsync(0);
      };
    }
    once(): void {}
    attachMedia(): void {}
    loadSource(): void {}
    destroy(): void {}
    recoverMediaError(): void {
      recovered();
    }
  }
  return { default: Library, ErrorDetails, ErrorTypes, Events };
});

const told: string[] = [];
const listener = new Proxy({} as Listener, { get: (_, name) => () => told.push(String(name)) });
let player: HlsPlayer;

beforeEach(async () => {
  vi.useFakeTimers();
  recovered.mockClear();
  told.length = 0;
  vi.stubGlobal('window', globalThis);
  const video = Object.assign(new EventTarget(), { paused: false, play: async () => undefined });
  player = new HlsPlayer(video as never, '/a.m3u8', { at: 'live' }, new Stalls(), listener, new Quality());
  await vi.dynamicImportSettled();
});
afterEach(() => {
  player.destroy();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('a decoder that stumbles now and then goes on each time', async () => {
  for (let hour = 0; hour < 3; hour++) {
    await fail(ErrorDetails.BUFFER_APPEND_ERROR);
    await vi.advanceTimersByTimeAsync(3_600_000);
  }
  expect([recovered.mock.calls.length, told]).toEqual([3, []]);
});

test('one that stumbles at once again begins anew, and only a codec is what a browser cannot play', async () => {
  await fail(ErrorDetails.BUFFER_APPEND_ERROR);
  await fail(ErrorDetails.BUFFER_APPEND_ERROR);
  expect([recovered.mock.calls.length, told]).toEqual([1, ['broken']]);
  await fail(ErrorDetails.BUFFER_ADD_CODEC_ERROR);
  expect([recovered.mock.calls.length, told]).toEqual([1, ['broken', 'undecodable']]);
});
