import { expect, test } from 'vitest';
import { clock } from './format';
import { atLive, fraction, inside, keyed, loaded, timeAt, worthIt, type Timeline } from './timeline';

const show: Timeline = { start: 0, end: 200, position: 50, buffered: [], live: false };
const live: Timeline = { start: 970, end: 1_000, position: 990, buffered: [], live: true };

test('places and times are two names of one thing', () => {
  expect(fraction(show, 50)).toBe(0.25);
  expect(timeAt(show, 0.25)).toBe(50);
  expect(fraction(live, 985)).toBe(0.5);
  expect(timeAt(live, fraction(live, 977))).toBeCloseTo(977);
});

test('a finger beyond the ends means the ends', () => {
  expect(timeAt(show, -3)).toBe(0);
  expect(timeAt(show, 7)).toBe(200);
  expect(fraction(live, 5)).toBe(0);
  expect(fraction(live, 2_000)).toBe(1);
  expect(inside(live, 5)).toBe(970);
});

test('a show without a length does not divide by it', () => {
  expect(fraction({ ...show, end: 0 }, 0)).toBe(0);
  expect(worthIt({ ...show, end: 0 })).toBe(false);
});

test('a window of a few seconds gets no bar', () => {
  expect(worthIt(live)).toBe(true);
  expect(worthIt({ ...live, start: 995 })).toBe(false);
  expect(worthIt({ ...show, end: 5 })).toBe(true);
});

test('close to the newest picture is live, and a show that is over has no live', () => {
  expect(atLive(live, 998)).toBe(true);
  expect(atLive(live, 990)).toBe(false);
  expect(atLive(show, 200)).toBe(false);
});

test('keys step, page, and go to the ends, never beyond', () => {
  expect(keyed(show, 'ArrowRight')).toBe(55);
  expect(keyed(show, 'ArrowDown')).toBe(45);
  expect(keyed(show, 'PageUp')).toBe(80);
  expect(keyed(live, 'PageDown')).toBe(970);
  expect(keyed(live, 'ArrowRight')).toBe(995);
  expect(keyed(show, 'Home')).toBe(0);
  expect(keyed(live, 'End')).toBe(1_000);
  expect(keyed(show, 'Enter')).toBeNull();
});

test('what is loaded outside of the window is not drawn', () => {
  const buffered = [
    [900, 960],
    [960, 985],
    [990, 1_010],
  ] as const;
  expect(loaded({ ...live, buffered })).toEqual([
    [0, 0.5],
    [2 / 3, 1],
  ]);
});

test('times are written as on a player', () => {
  expect([0, 59.9, 60, 3_599, 3_600, 45_296].map(clock)).toEqual([
    '0:00',
    '0:59',
    '1:00',
    '59:59',
    '1:00:00',
    '12:34:56',
  ]);
  expect(clock(NaN)).toBe('0:00');
  expect(clock(-4)).toBe('0:00');
});
