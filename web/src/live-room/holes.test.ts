import { expect, test } from 'vitest';
import { LINES_MAX } from '../chat/lines';
import { Holes } from './holes';

const lines = (from: number, count: number) => Array.from({ length: count }, (_, i) => ({ seq: from + i }));
const before = (holes: Holes, from: number, count: number) => [
  ...holes.before(lines(from, count), from + count),
];

test('a hole stands before the next line that came, once there is one', () => {
  const holes = new Holes();
  holes.add(3);
  expect(before(holes, 1, 3)).toEqual([Infinity]);
  expect([...holes.before([...lines(1, 3), ...lines(9, 2)], 10)]).toEqual([9]);
  // Lines of their own author's have numbers between, and a line that is taken back leaves the hole where it was.
  expect([...holes.before([{ seq: 2 }, { seq: 8.5 }, { seq: 10 }], 10)]).toEqual([8.5]);
});

test('two with nothing between them are one, and it leaves with what stood before it', () => {
  const holes = new Holes();
  holes.add(3);
  holes.add(5);
  expect(before(holes, 9, 2)).toEqual([9]);
  expect(before(holes, 9, LINES_MAX)).toEqual([]);
  expect(before(holes, 9, 2)).toEqual([]);
});

test('numbers that begin anew have no holes yet', () => {
  const holes = new Holes();
  holes.add(300);
  expect([before(holes, 1, 2), before(holes, 299, 9)]).toEqual([[], []]);
});
