import { expect, test } from 'vitest';
import type { Item } from './chat';
import { ReplayChat } from './replay-chat';

const START = 1_795_350_000_000;
const said = (seq: number, at: number): Item => ({ seq, at: START + at, kind: 'text', text: `${seq}` });
const settle = () => new Promise((done) => setTimeout(done));

/** Serves two messages at a time. */
function server(items: Item[]) {
  const asked: string[] = [];
  const load = async (from: number, to: number, after: number | null) => {
    asked.push(`${(from - START) / 1_000}-${(to - START) / 1_000}${after === null ? '' : ` after ${after}`}`);
    const found = items.filter((item) => item.at >= from && item.at < to && item.seq > (after ?? 0));
    return { items: found.slice(0, 2), more: found.length > 2 };
  };
  return { asked, load };
}

test('the chat goes along with the picture, forwards and backwards', async () => {
  const items = [1, 2, 3, 4, 5].map((seq) => said(seq, seq * 10_000));
  items.push(said(6, 90_000), { seq: 7, at: START + 95_000, kind: 'event', event: 'state' });
  const { asked, load } = server(items);
  let changes = 0;
  const chat = new ReplayChat(load, () => changes++);
  const shown = (second: number) => chat.at(START + second * 1_000).map((item) => item.seq);
  expect(shown(35)).toEqual([]);
  await settle();
  expect(shown(35)).toEqual([1, 2, 3]);
  expect(shown(100)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(shown(5)).toEqual([]);
  await settle();
  expect(new Set(asked).size, 'nothing is asked for twice').toBe(asked.length);
  expect(asked).toContain('0-60 after 2');
  expect(changes).toBeGreaterThan(0);
});

test('what could not be loaded is asked for again, but not at once', async () => {
  let now = 0;
  let asked = 0;
  const chat = new ReplayChat(
    () => (asked++, Promise.reject(new Error('no network'))),
    () => undefined,
    () => now,
  );
  chat.at(START);
  await settle();
  const first = asked;
  chat.at(START);
  await settle();
  expect(asked).toBe(first);
  now = 6_000;
  chat.at(START);
  expect(asked).toBe(2 * first);
});
