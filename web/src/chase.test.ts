import { expect, test } from 'vitest';
import { chase, newest } from './chase';

test('close to the newest picture nothing is done', () => {
  expect(chase(9, 1, [[0, 10]])).toEqual({ seek: null, rate: 1, behind: 1 });
});

test('before anything has arrived there is no delay to speak of', () => {
  expect(chase(0, 1.2, [])).toEqual({ seek: null, rate: 1, behind: null });
});

test('a small delay is played away, and the hurry lasts until it is gone', () => {
  expect(chase(7, 1, [[0, 10]]).rate).toBe(1.1);
  expect(chase(5, 1, [[0, 10]]).rate).toBe(1.2);
  expect(chase(8, 1.1, [[0, 10]]).rate).toBe(1.1);
  expect(chase(8, 1, [[0, 10]]).rate).toBe(1);
  expect(chase(8.7, 1.1, [[0, 10]]).rate).toBe(1);
});

test('a large delay is jumped over', () => {
  const { seek, rate } = chase(2, 1.2, [[0, 10]]);
  expect(seek).toBeCloseTo(8.8);
  expect(rate).toBe(1);
});

test('a stream whose clock did not begin at zero is met where it is', () => {
  expect(chase(0, 1, [[3600, 3600.5]]).seek).toBe(3600);
});

test('a hole that the host left is jumped over', () => {
  const spans = [
    [0, 10],
    [12, 12.4],
  ] as const;
  expect(chase(10, 1, spans).seek).toBe(12);
});

test('a clock that went back is followed back', () => {
  expect(chase(500, 1, [[0, 2]]).seek).toBeCloseTo(0.8);
});

test('a viewer who comes back sees the newest picture, without a jump when that is near', () => {
  expect(newest(5, [[0, 10]])).toBeCloseTo(8.8);
  expect(newest(0, [[9.5, 10]])).toBe(9.5);
  expect(newest(9, [[0, 10]])).toBeNull();
  expect(newest(0, [])).toBeNull();
});
