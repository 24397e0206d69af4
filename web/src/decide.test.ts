import { expect, test } from 'vitest';
import { understand, type Live } from './api';
import type { Choice } from './choose';
import { decide } from './decide';

const all = (): Choice => ({ way: 'flv' });
const live: Live = {
  app: 'live',
  stream: 'tea',
  title: 'Tea',
  on_air: true,
  viewers: 3,
  started_at: '2026-01-01T00:00:00Z',
  cover: null,
  video: { codec: 'H.265', codec_string: 'hvc1.1.6.L120.90', width: 1280, height: 720, fps: 30 },
  audio: { codec: 'AAC', codec_string: 'mp4a.40.2', sample_rate: 44_100, channels: 2 },
  bitrate_kbps: 900,
  urls: { rtmp_port: 1935, flv: '/live/a.flv' },
};

test('a stream on air is played', () => {
  expect(decide({ kind: 'live', live }, false, all)).toEqual({
    state: { is: 'connecting' },
    then: 'play',
    way: 'flv',
  });
});

test('a host who has not begun is waited for, and one who has left is said to have ended', () => {
  expect(decide({ kind: 'absent' }, false, all)).toEqual({ state: { is: 'waiting' }, then: 'poll' });
  expect(decide({ kind: 'absent' }, true, all)).toEqual({ state: { is: 'ended' }, then: 'poll' });
  expect(decide({ kind: 'live', live: { ...live, on_air: false } }, true, all).state.is).toBe('ended');
});

test('a codec that the browser lacks is named, and the host may change it', () => {
  const lacks = decide({ kind: 'live', live }, false, () => ({ way: null, codec: 'H.265' }));
  expect(lacks).toEqual({ state: { is: 'unsupported', codec: 'H.265' }, then: 'poll' });
});

test('a refusal is shown with its code and not asked again', () => {
  const answer = understand(403, { error: { code: 'expired', message: 'too late', message_zh: '过期' } });
  const refusal = { code: 'expired', message: 'too late', message_zh: '过期' };
  expect(decide(answer, false, all)).toEqual({ state: { is: 'refused', refusal }, then: 'stop' });
});

test('answers that are not what they should be do not break the page', () => {
  expect(understand(403, null)).toMatchObject({ kind: 'refused', refusal: { code: 'http_403' } });
  expect(understand(403, { error: { code: 7 } })).toMatchObject({
    kind: 'refused',
    refusal: { code: 'http_403' },
  });
  expect(understand(502, '<html>')).toEqual({ kind: 'failed', refusal: null });
  expect(understand(200, null)).toEqual({ kind: 'failed', refusal: null });
  expect(understand(404, null)).toEqual({ kind: 'absent' });
});
