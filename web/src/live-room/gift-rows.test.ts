import { expect, test } from 'vitest';
import type { Item } from '../chat';
import { GiftRows, goesOn, ROW_MS } from './gift-rows';

const given = (user: string, id: string, combo: number, count = 1): Item => ({
  seq: 1,
  at: 1,
  kind: 'gift',
  from: { id: user, name: user, avatar: '', role: 'viewer' },
  gift: { id, name: id, icon: '', count, combo, price: 0 },
});

test('a row grows while it goes on, and goes away by itself', () => {
  const rows = new GiftRows();
  rows.add(given('a', 'rose', 1), 0);
  rows.add(given('a', 'rose', 11, 10), 4_000);
  rows.add(given('b', 'rose', 1), 4_000);
  expect(rows.at(ROW_MS).map(({ name, times }) => [name, times])).toEqual([
    ['a', 11],
    ['b', 1],
  ]);
  expect(rows.at(4_000 + ROW_MS)).toEqual([]);
});

test('there are three at once, and the one that is over first gives way', () => {
  const rows = new GiftRows();
  ['a', 'b', 'c'].forEach((user, at) => rows.add(given(user, 'rose', 1), at));
  rows.add(given('a', 'rose', 2), 10);
  rows.add(given('d', 'rose', 1), 11);
  expect(rows.at(12).map(({ name }) => name)).toEqual(['a', 'c', 'd']);
});

test('gifts in a row are one line, and others are not', () => {
  expect(goesOn(given('a', 'rose', 1), given('a', 'rose', 11, 10))).toBe(true);
  // After a pause it begins anew.
  expect(goesOn(given('a', 'rose', 3), given('a', 'rose', 1))).toBe(false);
  expect(goesOn(given('a', 'rose', 1), given('b', 'rose', 2))).toBe(false);
  expect(goesOn(given('a', 'rose', 1), given('a', 'car', 2))).toBe(false);
  expect(goesOn(given('a', 'rose', 1), undefined)).toBe(false);
});
