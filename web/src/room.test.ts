import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Listener } from './playback';
import { LiveRoom } from './room';

const players: { listener: Listener; dead: boolean }[] = [];
vi.mock('./flv-player', () => ({
  FlvPlayer: class {
    range = null;
    behind = null;
    dead = false;
    constructor(
      _video: unknown,
      _url: unknown,
      _stalls: unknown,
      readonly listener: Listener,
    ) {
      players.push(this);
    }
    catchUp(): void {}
    destroy(): void {
      this.dead = true;
    }
  },
}));

const asked = vi.fn();
const live = {
  on_air: true,
  video: { codec: 'H.264', codec_string: 'avc1.64001f' },
  audio: null,
  urls: { rtmp_port: null, flv: '/live/a.flv' },
};
let page: EventTarget & { visibilityState: string };
let rooms: LiveRoom[];

beforeEach(() => {
  vi.useFakeTimers();
  players.length = 0;
  rooms = [];
  asked.mockClear();
  page = Object.assign(new EventTarget(), {
    visibilityState: 'visible',
    pictureInPictureElement: null,
    createElement: () => ({ canPlayType: () => '' }),
  });
  vi.stubGlobal('document', page);
  vi.stubGlobal('window', Object.assign(new EventTarget(), { setTimeout: globalThis.setTimeout }));
  vi.stubGlobal('location', { protocol: 'http:', host: 'weir.test', hostname: 'weir.test' });
  vi.stubGlobal('MediaSource', { isTypeSupported: () => true });
  vi.stubGlobal('fetch', async () => {
    asked();
    return { ok: true, status: 200, json: async () => live };
  });
});
afterEach(() => {
  rooms.forEach((room) => room.end());
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const see = (visibilityState: string) => {
  page.visibilityState = visibilityState;
  page.dispatchEvent(new Event('visibilitychange'));
};

async function playing(video: { muted: boolean } = { muted: true }) {
  const room = new LiveRoom({ path: 'live/a', name: 'a', query: '' }, null, video as never, () => undefined);
  rooms.push(room);
  await pass(0);
  players[0]?.listener.playing();
  return room;
}

test('a room that has ended stays so, whatever happens to the page', async () => {
  const room = await playing();
  expect([asked.mock.calls.length, players.length, room.state.is]).toEqual([1, 1, 'playing']);
  see('hidden');
  room.end();
  see('visible');
  window.dispatchEvent(new Event('online'));
  window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
  room.reload();
  room.play();
  await pass(120_000);
  expect([asked.mock.calls.length, players.length, players[0]?.dead]).toEqual([1, 1, true]);
});

test('an answer that comes after the end starts nothing', async () => {
  const room = new LiveRoom({ path: 'live/a', name: 'a', query: '' }, null, {} as never, () => undefined);
  room.end();
  await pass(60_000);
  expect([asked.mock.calls.length, players.length]).toEqual([1, 0]);
});

test('a muted page that nobody sees stops, also when nobody saw it begin', async () => {
  page.visibilityState = 'hidden';
  await playing();
  await pass(19_000);
  expect(players[0]?.dead).toBe(false);
  await pass(2_000);
  const questions = asked.mock.calls.length;
  await pass(60_000);
  expect([players.length, players[0]?.dead, asked.mock.calls.length - questions]).toEqual([1, true, 0]);
  see('visible');
  await pass(0);
  expect(players.length).toBe(2);
});

test('a page that is heard goes on unseen until it is muted', async () => {
  const video = { muted: false };
  await playing(video);
  see('hidden');
  await pass(60_000);
  expect(players[0]?.dead).toBe(false);
  video.muted = true;
  await pass(20_000);
  expect(players[0]?.dead).toBe(true);
});
