import { expect, test } from 'vitest';
import type { Browser } from './choose';
import { decideReplay, replayWays } from './decide-replay';
import { understandReplay, type Show } from './replay-api';

const show: Show = {
  id: '7',
  app: 'live',
  stream: 'tea',
  title: 'Tea',
  started_at: '2026-01-01T00:00:00Z',
  duration_ms: 60_000,
  recording: false,
  video: null,
  audio: null,
  urls: { hls: '/replay/7.m3u8', mp4: '/replay/7.mp4', flv: null, poster: null, thumbnails: null },
};
const chromium: Browser = {
  mse: true,
  native: false,
  hls: true,
  decodes: () => true,
  decodesNative: () => true,
};

const state = (status: number, code: string | null) =>
  decideReplay(understandReplay(status, code && { error: { code, message: 'm', message_zh: '话' } }));

test('a show is offered, not started', () => {
  expect(decideReplay(understandReplay(200, show))).toEqual({ state: { is: 'ready' }, then: 'ready' });
});

test('each reason not to be there has its own words', () => {
  expect(state(404, null)).toEqual({
    state: { is: 'missing', why: 'absent', code: 'http_404' },
    then: 'stop',
  });
  expect(state(404, 'replay_hidden').state).toMatchObject({ why: 'hidden' });
  expect(state(403, 'replay_hidden').state).toMatchObject({ why: 'hidden' });
  expect(state(410, 'replay_expired').state).toMatchObject({ why: 'gone' });
});

test('a signature that is over is a refusal, not a replay that is gone', () => {
  expect(state(403, 'expired').state).toMatchObject({ is: 'refused', refusal: { code: 'expired' } });
  expect(state(401, null).state).toMatchObject({ is: 'refused', refusal: { code: 'http_401' } });
});

test('a server that is not there is asked again', () => {
  expect(state(502, null)).toEqual({ state: { is: 'reconnecting', refusal: null }, then: 'retry' });
  expect(understandReplay(200, null).kind).toBe('failed');
  expect(understandReplay(200, {}).kind).toBe('failed');
});

test('HLS first, the file after it', () => {
  expect(replayWays(show, chromium, null).map((one) => one.way)).toEqual(['hls', 'native']);
  expect(replayWays(show, { ...chromium, native: true }, null)[0]).toEqual({
    way: 'native',
    url: '/replay/7.m3u8',
  });
  expect(replayWays(show, { ...chromium, mse: false, hls: false }, null)).toEqual([
    { way: 'native', url: '/replay/7.mp4' },
  ]);
  expect(replayWays(show, chromium, 'mp4')[0]?.url).toBe('/replay/7.mp4');
  expect(replayWays(show, chromium, 'native')[0]).toEqual({ way: 'native', url: '/replay/7.m3u8' });
});

test('a file that is still growing is not offered whole', () => {
  expect(replayWays({ ...show, recording: true }, chromium, null).map((one) => one.way)).toEqual(['hls']);
});
