import { expect, test } from 'vitest';
import { backoff, waiting } from './backoff';
import { bitrate, count, minutesSince } from './format';
import { Stalls } from './stalls';
import { preferred, text } from './strings';

test('attempts come less and less often, and never all at once', () => {
  expect(backoff(0, 0)).toBe(300);
  expect(backoff(0, 1)).toBe(600);
  expect(backoff(3, 1)).toBe(4_800);
  expect(backoff(1_000, 1)).toBe(15_000);
  expect(waiting(0)).toBeLessThan(waiting(1));
});

test('a stall counts while it lasts and after', () => {
  const stalls = new Stalls();
  stalls.begin(1_000);
  expect([stalls.count(1_050), stalls.totalMs(1_050)]).toEqual([0, 0]);
  expect([stalls.count(2_000), stalls.totalMs(2_000)]).toEqual([1, 1_000]);
  stalls.begin(1_500);
  stalls.end(3_000);
  expect([stalls.count(9_000), stalls.totalMs(9_000)]).toEqual([1, 2_000]);
});

test('waits too short to see, and pauses, are no stalls', () => {
  const stalls = new Stalls();
  stalls.begin(0);
  stalls.end(100);
  stalls.begin(1_000);
  stalls.forget();
  stalls.end(9_000);
  expect(stalls.count(9_000)).toBe(0);
});

test('numbers are written as people write them', () => {
  expect(count(9_999, true)).toBe('9999');
  expect(count(12_850, true)).toBe('1.3 万');
  expect(count(12_850, false)).toBe('12.8K');
  expect(bitrate(0)).toBeNull();
  expect(bitrate(640)).toBe('640 kbps');
  expect(bitrate(2_400)).toBe('2.4 Mbps');
});

test('a clock that is behind the server does not make negative minutes', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  expect(minutesSince('2026-01-01T00:05:00Z', now)).toBe(0);
  expect(minutesSince('2025-12-31T23:18:00+00:00', now)).toBe(42);
  expect(minutesSince('soon', now)).toBeNull();
});

test('the language is the first that the browser asks for', () => {
  expect(preferred(['zh-TW', 'en'])).toBe('zh');
  expect(preferred(['de', 'zh'])).toBe('en');
  expect(preferred([])).toBe('zh');
});

test('texts take values, and dollar signs in them stay', () => {
  expect(text('watch', '$& {0}')).toBe('观看 $& {0}');
});
