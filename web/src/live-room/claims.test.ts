import { expect, test } from 'vitest';
import type { Ack, Reject } from '../chat';
import { Claims } from './claims';

const ack: Ack = { t: 'ack', cid: 'k', seq: 0, at: 5 };
const reject: Reject = {
  t: 'reject',
  cid: 'k',
  code: 'balance',
  retry_after_ms: null,
  message: 'm',
  message_zh: 'z',
};

test('two taps claim once', async () => {
  const asked: string[] = [];
  let answer = (_: Ack | Reject) => undefined as void;
  const claims = new Claims((gift) => {
    asked.push(gift);
    return new Promise((done) => (answer = done));
  });
  const first = claims.claim('free');
  expect([await claims.claim('free'), claims.busy]).toEqual([null, true]);
  answer(ack);
  expect([await first, asked, claims.busy, claims.has('free')]).toEqual([ack, ['free'], false, true]);
  claims.give('free');
  expect(claims.has('free')).toBe(false);
});

test('a claim that fails is free for another', async () => {
  const claims = new Claims(async () => reject);
  expect(await claims.claim('free')).toBe(reject);
  expect([claims.busy, claims.has('free')]).toEqual([false, false]);
});
