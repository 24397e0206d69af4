import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Listener } from './playback';
import { ReplayRoom } from './replay';
import type { ReplayAnswer } from './replay-api';

const players: { listener: Listener }[] = [];
vi.mock('./hls-player', () => ({
  HlsPlayer: class {
    range = null;
    constructor(
      _video: unknown,
      _url: unknown,
      _start: unknown,
      _stalls: unknown,
      readonly listener: Listener,
    ) {
      players.push(this);
    }
    destroy(): void {}
  },
}));
const answers: ((answer: ReplayAnswer) => void)[] = [];
vi.mock('./replay-api', () => ({
  askReplay: () => new Promise((done) => answers.push(done)),
}));

const answer = (duration_ms: number) =>
  ({
    kind: 'show',
    show: { duration_ms, recording: true, video: null, audio: null, urls: { hls: '/a.m3u8' } },
  }) as never;

beforeEach(() => {
  vi.useFakeTimers();
  answers.length = players.length = 0;
  vi.stubGlobal('document', { createElement: () => ({ canPlayType: () => '' }) });
  vi.stubGlobal('window', Object.assign(new EventTarget(), { setTimeout: globalThis.setTimeout }));
  vi.stubGlobal('MediaSource', { isTypeSupported: () => true });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

function room(): ReplayRoom {
  const where = { id: 'a', query: '', at: 0 } as never;
  return new ReplayRoom(where, null, { paused: true } as never, () => undefined);
}

test('an answer to an earlier question than the last is dropped', async () => {
  const replay = room();
  replay.reload();
  answers[1]?.(answer(2_000));
  await pass(0);
  answers[0]?.({ kind: 'failed', refusal: null });
  await pass(9_000);
  expect([replay.show?.duration_ms, replay.state.is, answers.length]).toEqual([2_000, 'ready', 2]);
});

test('one that was asked while it played does not stop it from coming back', async () => {
  const replay = room();
  answers[0]?.(answer(1_000));
  await pass(0);
  replay.play();
  players[0]?.listener.playing();
  await pass(10_000);
  players[0]?.listener.broken();
  answers[1]?.(answer(11_000));
  await pass(1_000);
  answers[2]?.(answer(12_000));
  await pass(0);
  expect([answers.length, players.length, replay.state.is]).toEqual([3, 2, 'connecting']);
});
