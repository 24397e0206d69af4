import { expect, test } from 'vitest';
import { ending } from './ending';

const bye = (code: string) => ({ t: 'bye', code, message: 'm', message_zh: 'z' }) as const;

test('whoever was inside was put out and may come back', () => {
  expect(ending(bye('not_allowed'), true, true)).toMatchObject({ title: 'kicked', action: 'comeBack' });
});

test('whose token ran out meanwhile reads so, and may watch as a guest', () => {
  const over = { title: 'tokenOver', said: true, action: 'asGuest' };
  expect(ending(bye('not_allowed'), false, true)).toMatchObject(over);
  expect(ending(bye('not_allowed'), false, false)).toMatchObject({ ...over, title: 'signIn' });
});

test('any other end is told in the words of the server', () => {
  expect(ending(bye('unavailable'), false, true)).toMatchObject({ title: null, action: 'comeBack' });
  expect(ending(bye('banned'), true, true)).toMatchObject({ title: 'bannedHere', action: 'allLive' });
});
