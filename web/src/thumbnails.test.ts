import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Thumbnails } from './thumbnails';

const LIST = (tiles: number) =>
  `WEBVTT\n${Array.from({ length: tiles }, (_, i) => `\n${stamp(2 * i)} --> ${stamp(2 * i + 2)}\nsheet.jpg?n=${tiles}#xywh=${160 * i},0,160,90\n`).join('')}`;
const stamp = (seconds: number) => `00:00:${String(seconds).padStart(2, '0')}.000`;
let tiles = 2;
let fails = false;
let hangs = false;
const asked = vi.fn();

beforeEach(() => {
  vi.useFakeTimers();
  [tiles, fails, hangs] = [2, false, false];
  asked.mockClear();
  vi.stubGlobal('fetch', async (url: string, { signal }: { signal?: AbortSignal } = {}) => {
    asked(url);
    const never = () => new Promise((_, fail) => signal?.addEventListener('abort', () => fail(new Error())));
    const text = hangs ? never : async () => LIST(tiles);
    return { ok: !fails, status: 200, url: 'http://weir.test/a.vtt', text };
  });
  vi.stubGlobal(
    'Image',
    class {
      decode = async () => undefined;
    },
  );
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const x = (pictures: Thumbnails, time: number) => pictures.at(time)?.piece?.x ?? null;
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test('the list is asked for once, when somebody looks', async () => {
  const pictures = new Thumbnails('/a.vtt');
  expect(asked).not.toHaveBeenCalled();
  expect(x(pictures, 3)).toBeNull();
  await pass(0);
  expect([x(pictures, 3), x(pictures, 90)]).toEqual([160, 160]);
  await pass(60_000);
  expect(x(pictures, 90)).toBe(160);
  expect(asked).toHaveBeenCalledTimes(1);
});

test('of a show that goes on it is asked for again, but only for what it lacks and not all the time', async () => {
  const pictures = new Thumbnails('/a.vtt', true);
  pictures.at(1);
  await pass(0);
  await pass(10_000);
  expect(x(pictures, 1)).toBe(0);
  expect(asked).toHaveBeenCalledTimes(1);
  tiles = 6;
  // The last one stands for what follows it, for a while; what was before the first is shown by none.
  expect([x(pictures, 6), x(pictures, 15.9), x(pictures, 16), x(pictures, -1)]).toEqual([
    160,
    160,
    null,
    null,
  ]);
  await pass(0);
  expect(x(pictures, 11)).toBe(800);
  pictures.at(30);
  await pass(3_900);
  pictures.at(30);
  expect(asked).toHaveBeenCalledTimes(2);
  await pass(100);
  pictures.at(30);
  expect(asked).toHaveBeenCalledTimes(3);
});

test('a server without pictures is not asked for ever', async () => {
  fails = true;
  const pictures = new Thumbnails('/a.vtt', true);
  for (let i = 0; i < 10; i++) {
    expect(pictures.at(1)).toBeNull();
    await pass(5_000);
  }
  expect(asked).toHaveBeenCalledTimes(3);
});

test('a list that begins and does not end is given up, and asked for again', async () => {
  hangs = true;
  const pictures = new Thumbnails('/a.vtt', true);
  pictures.at(1);
  await pass(30_000);
  hangs = false;
  pictures.at(1);
  await pass(0);
  expect(x(pictures, 1)).toBe(0);
});
