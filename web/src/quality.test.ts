import { expect, test } from 'vitest';
import { Quality } from './quality';

const high = { lines: 1080, kbps: 4_000 };
const middle = { lines: 720, kbps: 2_000 };
const low = { lines: 360, kbps: 600 };

function wanting(wanted: Quality['wanted']): Quality {
  const quality = new Quality();
  quality.wanted = wanted;
  return quality;
}

test('a player chooses until the viewer does', () => {
  expect(wanting(null).among([high, low])).toBe(null);
  expect(wanting(high).among([])).toBe(null);
});

test('the same size again, though its bit rate was measured anew', () => {
  expect(wanting(middle).among([high, { ...middle, kbps: 2_300 }, low])).toBe(1);
  expect(
    wanting(middle).among([
      { ...middle, kbps: 5_000 },
      { ...middle, kbps: 1_800 },
    ]),
  ).toBe(1);
});

test('where the size is gone, the next smaller one, else the smallest', () => {
  expect(wanting(middle).among([high, low])).toBe(1);
  expect(wanting(low).among([high, middle])).toBe(1);
});

test('levels without a size are told apart by their bit rate', () => {
  const nameless = [4_000, 1_000].map((kbps) => ({ lines: null, kbps }));
  expect(wanting({ lines: null, kbps: 1_200 }).among(nameless)).toBe(1);
});
