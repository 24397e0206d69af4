import { expect, test } from 'vitest';
import { STRINGS } from './strings';

/** The sources of the page but for the words themselves, and the tests. */
const sources: Record<string, string> = import.meta.glob(
  ['./**/*.ts', '!./**/*.test.ts', '!./strings.ts', '!./live-room/words.ts'],
  { query: '?raw', import: 'default', eager: true },
);

test('every text is read by something', () => {
  const all = Object.values(sources).join('\n');
  const unread = Object.keys(STRINGS).filter((key) => !all.includes(`'${key}'`));
  expect(unread).toEqual([]);
});
