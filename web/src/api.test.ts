import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { askList, askRoom } from './api';

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A server whose answer begins and does not end, until the question is given up. */
const hanging =
  (status: number) =>
  async (_: string, { signal }: { signal: AbortSignal }) => ({
    ok: true,
    status,
    json: () => new Promise((_, fail) => signal.addEventListener('abort', () => fail(new Error('given up')))),
  });

test('an answer that begins and does not end is none', async () => {
  vi.stubGlobal('fetch', hanging(404));
  const answer = vi.fn();
  void askRoom({ path: 'live/a', name: 'a', query: '' }).then(answer);
  const list = vi.fn();
  void askList().then(list);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(answer.mock.calls).toEqual([[{ kind: 'failed', refusal: null }]]);
  expect(list.mock.calls).toEqual([[null]]);
});

test('an answer that is no JSON is still an answer', async () => {
  const broken = async () => {
    throw new SyntaxError('<html>');
  };
  vi.stubGlobal('fetch', async () => ({ ok: false, status: 404, json: broken }));
  expect(await askRoom({ path: 'live/a', name: 'a', query: '' })).toEqual({ kind: 'absent' });
});
