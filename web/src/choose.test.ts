import { expect, test } from 'vitest';
import { choose, type Browser, type Offer, type Wish } from './choose';

const offer: Offer = {
  video: { codec: 'H.265', codec_string: 'hvc1.1.6.L120.90', width: 1280, height: 720, fps: 30 },
  audio: { codec: 'AAC', codec_string: 'mp4a.40.2', sample_rate: 44_100, channels: 2 },
  flv: true,
  hls: true,
};
const wish: Wish = { line: 'http', rewound: false, flvFailed: false, native: false };
const yes = () => true;
const chromium: Browser = { mse: true, native: false, hls: true, decodes: yes, decodesNative: yes };
const safari: Browser = { ...chromium, native: true };
const oldPhone: Browser = { ...safari, mse: false, decodes: () => false };

test('FLV is what is played, for the least delay', () => {
  expect(choose(offer, wish, chromium)).toEqual({ way: 'flv' });
  expect(choose(offer, { ...wish, line: 'ws' }, safari)).toEqual({ way: 'flv' });
});

test('a phone without media sources plays HLS by itself', () => {
  expect(choose(offer, wish, oldPhone)).toEqual({ way: 'native' });
});

test('what is past is played over HLS, and so is what FLV failed at', () => {
  expect(choose(offer, { ...wish, rewound: true }, chromium)).toEqual({ way: 'hls' });
  expect(choose(offer, { ...wish, flvFailed: true }, chromium)).toEqual({ way: 'hls' });
  expect(choose(offer, { ...wish, rewound: true }, safari)).toEqual({ way: 'native' });
});

test('an address that is signed for HLS alone is played over HLS', () => {
  expect(choose({ ...offer, flv: false }, wish, chromium)).toEqual({ way: 'hls' });
});

test('HLS by wish, or by the browser itself where one asks for it', () => {
  expect(choose(offer, { ...wish, line: 'hls' }, chromium)).toEqual({ way: 'hls' });
  expect(choose(offer, { ...wish, line: 'hls', native: true }, chromium)).toEqual({ way: 'native' });
});

test('a server without HLS is played over FLV whatever is wished', () => {
  const plain = { ...offer, hls: false };
  expect(choose(plain, { ...wish, line: 'hls' }, chromium)).toEqual({ way: 'flv' });
  expect(choose(plain, { ...wish, rewound: true }, chromium)).toEqual({ way: 'flv' });
  expect(choose(plain, wish, oldPhone)).toEqual({ way: null, codec: null });
});

test('a codec that only the browser itself decodes is played by it', () => {
  const picky: Browser = { ...safari, decodes: (kind) => kind === 'audio' };
  expect(choose(offer, wish, picky)).toEqual({ way: 'native' });
});

test('a codec that nothing here decodes is named', () => {
  const noVideo: Browser = { ...chromium, decodes: (kind) => kind === 'audio', decodesNative: () => false };
  expect(choose(offer, wish, noVideo)).toEqual({ way: null, codec: 'H.265' });
  const noAudio: Browser = { ...chromium, decodes: (kind) => kind === 'video' };
  expect(choose(offer, wish, noAudio)).toEqual({ way: null, codec: 'AAC' });
});

test('a picture whose codec is not known yet is tried', () => {
  const nothing: Browser = { ...chromium, decodes: () => false };
  expect(choose({ video: null, audio: null, flv: true, hls: false }, wish, nothing)).toEqual({ way: 'flv' });
});
