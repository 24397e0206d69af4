import { expect, test } from 'vitest';
import { SmallNumbers } from './small-numbers';

const playlist = (number: number) => `#EXTM3U\n#EXT-X-DISCONTINUITY-SEQUENCE:${number}\n#EXTINF:2,\na.m4s\n`;

test('discontinuities are numbered from the first that was seen', () => {
  const numbers = new SmallNumbers();
  expect(numbers.apply(playlist(120_400_464))).toBe(playlist(0));
  expect(numbers.apply(playlist(120_400_467))).toBe(playlist(3));
  expect(numbers.apply(playlist(7))).toBe(playlist(0));
});

test('nothing else of a playlist is touched', () => {
  const text = '#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:120400464\n#EXT-X-DISCONTINUITY\n';
  expect(new SmallNumbers().apply(text)).toBe(text);
});
