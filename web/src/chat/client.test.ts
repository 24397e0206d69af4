import { expect, test } from 'vitest';
import { ChatClient } from './client';
import { delay } from './clock';
import type { Item } from './frames';
import { LINES_MAX } from './lines';
import { REFUSED_MAX } from './outbox';
import { dice, TestClock, TestServer, TestTransport, welcome } from './testing';

const text = (seq: number, words = String(seq), from = 'b', cid?: string): Item => ({
  seq,
  at: seq,
  kind: 'text',
  text: words,
  from: { id: from, name: from, avatar: '', role: 'viewer' },
  cid,
});
const event = (seq: number, name: string, more: Partial<Item> = {}): Item => ({
  seq,
  at: seq,
  kind: 'event',
  event: name,
  ...more,
});
const last = <T>(all: readonly T[]): T | undefined => all[all.length - 1];
const batch = (...items: Item[]) => ({ t: 'batch', from: items[0]?.seq, to: last(items)?.seq, items });
const words = (chat: ChatClient) => chat.lines.map((line) => line.text);

/** A client that has been welcomed, with the time and the connection in the test's hands. */
async function welcomed(seq = 0, messages: Item[] = []) {
  const clock = new TestClock();
  const transport = new TestTransport();
  const chat = new ChatClient({ url: 'ws://test/chat', room: 'r1', token: 'a', transport, clock });
  const items: number[] = [];
  chat.on('item', (item) => items.push(item.seq));
  chat.open();
  await clock.pass(0);
  transport.last.to.open();
  transport.last.tell(welcome('a', 'e1', seq, false, messages));
  return { clock, transport, chat, items };
}

test('it says hello, and comes back with what it has', async () => {
  const { clock, transport, chat } = await welcomed(1, [text(1)]);
  expect(transport.last.sent[0]).toEqual({ t: 'hello', v: 1, room: 'r1', token: 'a' });
  transport.last.tell(batch(text(2), text(3)));
  transport.last.cut();
  expect(chat.status.is).toBe('waiting');
  await clock.pass(1_000);
  transport.last.to.open();
  expect(transport.last.sent[0]).toMatchObject({ resume: { epoch: 'e1', seq: 3 } });
  transport.last.tell(welcome('a', 'e1', 4, true, [text(4)]));
  expect(words(chat)).toEqual(['1', '2', '3', '4']);
});

test('delays grow and are random, and the server may say when', async () => {
  expect([0, 1, 2, 5, 99].map((attempt) => delay(attempt, 1))).toEqual([1_000, 2_000, 4_000, 30_000, 30_000]);
  expect(delay(0, 0)).toBe(500);
  const { clock, transport, chat } = await welcomed();
  transport.last.tell({ t: 'goaway', reconnect_in_ms: 2_350, reason: '' });
  expect(chat.status).toEqual({ is: 'waiting', until: clock.now() + 2_350 });
  await clock.pass(2_349);
  expect(transport.links.length).toBe(1);
  await clock.pass(1);
  expect(transport.links.length).toBe(2);
});

test('after a bye it stays away', async () => {
  const { clock, transport, chat } = await welcomed();
  transport.last.tell({ t: 'bye', code: 'banned', message: 'm', message_zh: 'z' });
  await clock.pass(100_000);
  expect(chat.status).toMatchObject({ is: 'over', bye: { code: 'banned' }, inside: true });
  expect(transport.links.length).toBe(1);
});

test('one who is put out is told from one who is not let in again', async () => {
  const { clock, transport, chat } = await welcomed();
  transport.last.cut();
  await clock.pass(1_000);
  transport.last.to.open();
  transport.last.tell({ t: 'bye', code: 'not_allowed', message: 'expired', message_zh: '过期' });
  expect(chat.status).toMatchObject({ is: 'over', inside: false });
});

test('a hole is fetched, and nothing is shown before it is filled', async () => {
  const { transport, chat, items } = await welcomed(1, [text(1)]);
  transport.last.tell(batch(text(4)));
  transport.last.tell(batch(text(5)));
  expect(items).toEqual([1]);
  expect(transport.last.sent.slice(1)).toEqual([{ t: 'resume', seq: 1 }]);
  transport.last.tell({ t: 'resumed', recovered: true, messages: [text(2), text(3), text(4)] });
  expect(items).toEqual([1, 2, 3, 4, 5]);
  transport.last.tell(batch(text(8)));
  transport.last.tell({ t: 'resumed', recovered: false, messages: [] });
  expect([last(items), chat.holes]).toEqual([8, 1]);
});

test('behind a hole that cannot be filled, the next one is fetched', async () => {
  const { transport, chat, items } = await welcomed(1, [text(1)]);
  transport.last.tell(batch(text(4)));
  transport.last.tell(batch(text(6)));
  transport.last.tell({ t: 'resumed', recovered: false, messages: [] });
  expect([items, chat.holes]).toEqual([[1, 4], 1]);
  expect(transport.last.sent.slice(1)).toEqual([
    { t: 'resume', seq: 1 },
    { t: 'resume', seq: 4 },
  ]);
  transport.last.tell({ t: 'resumed', recovered: true, messages: [text(5), text(6)] });
  expect([items, chat.holes]).toEqual([[1, 4, 5, 6], 1]);
});

test('what is said is sent until it is answered, with the same id', async () => {
  const { clock, transport, chat } = await welcomed();
  const one = chat.say('hi');
  const sent = () => transport.last.sent.filter((frame) => frame.t === 'send');
  expect(sent()).toEqual([{ t: 'send', cid: one.cid, kind: 'text', text: 'hi' }]);
  await clock.pass(10_000);
  expect(sent().length).toBe(2);
  transport.last.cut();
  await clock.pass(1_000);
  transport.last.to.open();
  // The answer was lost with the connection, and the message comes first.
  transport.last.tell(welcome('a', 'e1', 1, true, [text(1, 'hi', 'a', one.cid)]));
  expect([sent().length, chat.outgoing.length, words(chat)]).toEqual([0, 0, ['hi']]);
});

test('what is refused stays with why and until when, and is said again under another id', async () => {
  const { clock, transport, chat } = await welcomed();
  const one = chat.say('hi');
  const reject = { t: 'reject', cid: one.cid, code: 'slow_mode', retry_after_ms: 3_000, message: '' };
  transport.last.tell(reject);
  expect(one).toMatchObject({ state: 'refused', retryAt: clock.now() + 3_000, body: { text: 'hi' } });
  const again = chat.retry(one.cid);
  expect(again?.cid).not.toBe(one.cid);
  transport.last.tell({ ...reject, cid: again?.cid, code: 'unavailable', retry_after_ms: 2_000 });
  const sends = () => transport.last.sent.filter((frame) => frame.cid === again?.cid).length;
  expect([again?.state, sends()]).toEqual(['waiting', 1]);
  await clock.pass(2_000);
  expect(sends()).toBe(2);
});

test('what was taken and is shown to nobody is shown to its author', async () => {
  const { transport, chat } = await welcomed();
  const one = chat.say('hi');
  transport.last.tell({ t: 'ack', cid: one.cid, seq: 1, at: 5 });
  expect(chat.outgoing[0]?.state).toBe('sent');
  transport.last.tell(batch(text(1, 'another')));
  expect([words(chat), chat.outgoing.length, chat.seq]).toEqual([['another', 'hi'], 0, 1]);
});

test('what is said twice under one id is one line', async () => {
  const { transport, chat } = await welcomed();
  for (let i = 0; i < 2; i++) {
    const one = chat.send({ text: 'hi' }, 'c1');
    transport.last.tell(batch(text(1, 'hi', 'a', one.cid)));
    transport.last.tell({ t: 'ack', cid: one.cid, seq: 1, at: 5 });
  }
  expect([words(chat), chat.outgoing.length]).toEqual([['hi'], 0]);
});

test('what somebody looked at first is one line when it is shown', async () => {
  const { transport, chat } = await welcomed();
  const one = chat.say('hi');
  const reject = { t: 'reject', cid: one.cid, code: 'held_for_review', retry_after_ms: null, message: '' };
  transport.last.tell(reject);
  expect(chat.outgoing[0]?.state).toBe('refused');
  transport.last.tell(batch(text(1, 'hi', 'a', one.cid)));
  expect([words(chat), chat.outgoing.length]).toEqual([['hi'], 0]);
});

test('no more frames a second than a server takes', async () => {
  const { clock, transport, chat } = await welcomed();
  for (let i = 0; i < 60; i++) chat.say(`${i}`);
  expect(chat.outgoing.filter((one) => one.state === 'refused').length).toBe(10);
  const sent = () => transport.last.sent.filter((frame) => frame.t === 'send').length;
  expect(sent()).toBe(10);
  await clock.pass(999);
  expect(sent()).toBe(10);
  await clock.pass(3_100);
  expect(sent()).toBe(50);
});

test('of what was refused only the last is kept', async () => {
  const { transport, chat } = await welcomed();
  const said = [];
  for (let i = 0; i < REFUSED_MAX + 5; i++) {
    const { cid } = chat.say(`${i}`);
    said.push(cid);
    transport.last.tell({ t: 'reject', cid, code: 'slow_mode', retry_after_ms: 3_000, message: '' });
  }
  const waiting = chat.say('waits');
  expect(chat.outgoing.map((one) => one.cid)).toEqual([...said.slice(5), waiting.cid]);
});

test('likes are summed for a second, and wait for a connection', async () => {
  const { clock, transport, chat } = await welcomed();
  const likes = () => transport.last.sent.filter((frame) => frame.t === 'like').map((frame) => frame.n);
  for (let i = 0; i < 5; i++) chat.like();
  chat.like(3);
  expect(likes()).toEqual([]);
  await clock.pass(1_000);
  expect(likes()).toEqual([8]);
  chat.like(1_000);
  transport.last.cut();
  await clock.pass(1_000);
  transport.last.to.open();
  transport.last.tell(welcome('a', 'e1', 0, true, []));
  await clock.pass(1_000);
  expect(likes()).toEqual([300]);
});

test('a silent connection is asked, and given up when it does not answer', async () => {
  const { clock, transport, chat } = await welcomed();
  await clock.pass(25_000);
  expect(last(transport.last.sent)).toEqual({ t: 'ping' });
  transport.last.tell({ t: 'pong', at: 1 });
  await clock.pass(25_000);
  expect(chat.status.is).toBe('open');
  await clock.pass(10_000);
  expect(chat.status.is).toBe('waiting');
});

test('a pinned message is shown to those who never had it', async () => {
  const { transport, chat } = await welcomed(3, [text(3)]);
  transport.last.tell({ ...batch(event(4, 'pinned', { message: 1 })), pinned: text(1, 'y') });
  expect(chat.pinned?.text).toBe('y');
  transport.last.tell({ ...batch(event(5, 'pinned', { message: null })), pinned: null });
  expect(chat.pinned).toBeNull();
});

test('a pinned message goes with everything that its author said', async () => {
  const { transport, chat } = await welcomed(3, [text(1, 'x', 'b'), text(2, 'y', 'c'), text(3, 'z', 'b')]);
  transport.last.tell(batch(event(4, 'pinned', { message: 2 }), event(5, 'cleared', { user: 'b' })));
  expect(chat.pinned?.text).toBe('y');
  transport.last.tell(batch(event(6, 'cleared', { user: 'c' })));
  expect(chat.pinned).toBeNull();
});

test('events change what is there', async () => {
  const { transport, chat } = await welcomed(3, [text(1, 'x', 'b'), text(2, 'y', 'c'), text(3, 'z', 'b')]);
  transport.last.tell(batch(event(4, 'pinned', { message: 2 })));
  expect(chat.pinned?.text).toBe('y');
  transport.last.tell(batch(event(5, 'recalled', { message: 2 })));
  expect([chat.pinned, words(chat)]).toEqual([null, ['x', 'z']]);
  transport.last.tell(batch(event(6, 'muted', { user: 'a', until: 9 }), event(7, 'silence', { on: true })));
  expect([chat.muted, chat.silent]).toEqual([{ until: 9 }, true]);
  transport.last.tell(batch(event(8, 'cleared', { user: 'b' }), event(9, 'unmuted', { user: 'a' })));
  expect([chat.muted, chat.lines.filter((line) => line.kind === 'text').length]).toEqual([null, 0]);
  transport.last.tell(batch(event(10, 'state', { state: 'ended' })));
  expect(chat.room).toMatchObject({ state: 'ended', ended_at: 10 });
  for (let seq = 11; seq < 311; seq++) transport.last.tell(batch(text(seq)));
  expect([chat.lines.length, last(words(chat))]).toEqual([LINES_MAX, '310']);
});

test('what was taken back while it was away is gone', async () => {
  const { transport, clock, chat } = await welcomed(3, [text(1), text(2), text(3)]);
  transport.last.cut();
  await clock.pass(1_000);
  transport.last.to.open();
  transport.last.tell(welcome('a', 'e2', 1 << 20, false, [text(1), text(3)]));
  expect([words(chat), chat.holes, chat.seq]).toEqual([['1', '3'], 0, 1 << 20]);
});

test('of what came before the lines of a new welcome nobody knows what was taken back', async () => {
  const { transport, clock, chat } = await welcomed(3, [text(1), text(2), text(3)]);
  transport.last.tell(batch(event(4, 'state', { state: 'live' })));
  transport.last.cut();
  await clock.pass(1_000);
  transport.last.to.open();
  const page = Array.from({ length: 50 }, (_, i) => text(100 + i));
  transport.last.tell(welcome('a', 'e1', 149, false, page));
  expect(chat.lines.map((line) => line.seq)).toEqual([4, ...page.map((line) => line.seq)]);
  expect(chat.holes).toBe(1);
});

test('an order gets its answer, or is told that nobody knows', async () => {
  const { transport, chat } = await welcomed();
  const done = chat.do('recall', { seq: 4 });
  const { cid } = last(transport.last.sent) as { cid: string };
  transport.last.tell({ t: 'ack', cid, seq: 5, at: 1 });
  expect(await done).toMatchObject({ t: 'ack', seq: 5 });
  const lost = chat.do('mute', { user: 'b' });
  transport.last.cut();
  expect(await lost).toMatchObject({ t: 'reject', code: 'unavailable' });
});

test('a fresh token is asked for each time, and one that does not come is tried again', async () => {
  const clock = new TestClock();
  const transport = new TestTransport();
  let asked = 0;
  const token = async () => {
    if (++asked === 1) throw new Error('no network');
    return `t${asked}`;
  };
  const chat = new ChatClient({ url: 'ws://test/chat', room: 'r1', token, transport, clock });
  chat.open();
  await clock.pass(0);
  expect([chat.status.is, transport.links.length]).toEqual(['waiting', 0]);
  await clock.pass(1_000);
  transport.last.to.open();
  expect(transport.last.sent[0]).toMatchObject({ token: 't2' });
  chat.close();
  expect(transport.last.closed).toBe(true);
});

test('whatever the network does, nothing is lost, repeated or out of order', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = dice(seed);
    const clock = new TestClock(random);
    const server = new TestServer(clock, random);
    const seen = new Map<string, Item[]>();
    /** From where the lines of each go on: what the last welcome that continued nothing told. */
    const from = new Map<ChatClient, number>();
    const chats = ['a', 'b', 'c'].map((token) => {
      const chat = new ChatClient({ url: '', room: 'r1', token, transport: server, clock });
      const items: Item[] = [];
      seen.set(token, items);
      chat.on('item', (item) => items.push(item));
      chat.on('welcome', ({ recovered, messages, seq }) => {
        if (!recovered) from.set(chat, messages[0]?.seq ?? seq + 1);
      });
      chat.open();
      return chat;
    });
    let said = 0;
    for (let step = 0; step < 150; step++) {
      const chat = chats[Math.floor(random() * 3)] as ChatClient;
      const what = random();
      if (what < 0.3 && said < 100) chat.say(`m${said++}`);
      else if (what < 0.36) server.cut(0.5);
      else if (what < 0.38) server.restart();
      else if (what < 0.4) {
        chat.close();
        chat.open();
      }
      server.flush(0.2);
      await clock.pass(random() * 300);
    }
    // The network is good from now on. Whoever was moved on learns it from the next number.
    server.refusing = 0;
    chats[0]?.say(`m${said++}`);
    for (let i = 0; i < 60; i++) {
      server.flush(0);
      await clock.pass(1_500);
    }
    const numbers = server.log.map((item) => item.seq);
    const texts = server.log.map((item) => item.text);
    expect(new Set(texts).size, `seed ${seed}: said once`).toBe(said);
    expect(texts.length, `seed ${seed}: shown once`).toBe(said);
    for (const chat of chats) {
      const [, items] = [...seen][chats.indexOf(chat)] as [string, Item[]];
      const first = items[0]?.seq ?? 0;
      const expected = numbers.filter((seq) => seq >= first);
      expect(
        items.map((item) => item.seq),
        `seed ${seed}`,
      ).toEqual(expected);
      expect(
        chat.lines.map((line) => line.seq),
        `seed ${seed}: lines`,
      ).toEqual(expected.filter((seq) => seq >= (from.get(chat) ?? 0)));
      expect([chat.outgoing.length, chat.holes], `seed ${seed}: nothing waits`).toEqual([0, 0]);
    }
  }
});

test('a gift is one gift however often it is sent, also after a refusal', async () => {
  const { clock, transport, chat } = await welcomed();
  const { cid } = chat.gift('rose', 3);
  expect(cid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const sent = () => transport.last.sent.filter((frame) => frame.t === 'send');
  const frame = { t: 'send', cid, kind: 'gift', gift: 'rose', count: 3 };
  expect(sent()).toEqual([frame]);
  transport.last.cut();
  await clock.pass(1_000);
  transport.last.to.open();
  transport.last.tell(welcome('a', 'e1', 0, true, []));
  expect(sent()).toEqual([frame]);
  const reject = { t: 'reject', cid, code: 'balance', retry_after_ms: null, message: 'm', message_zh: 'z' };
  transport.last.tell(reject);
  expect(chat.outgoing[0]).toMatchObject({ state: 'refused', refusal: { code: 'balance' } });
  chat.retry(cid);
  expect(sent()).toEqual([frame, frame]);
  // Taken, and its item was skipped: its giver sees it all the same.
  transport.last.tell({ t: 'ack', cid, seq: 1, at: 5 });
  transport.last.tell(batch({ ...text(1), seq: 1 }));
  expect(chat.outgoing).toEqual([]);
  expect(chat.lines.find((line) => line.kind === 'gift')?.gift).toMatchObject({ id: 'rose', count: 3 });
  expect(chat.gift('rose').cid).not.toBe(cid);
});

test('a claim is answered, and a connection that ends says so', async () => {
  const { transport, chat } = await welcomed();
  const first = chat.claim('free', 'k1');
  expect(last(transport.last.sent)).toEqual({ t: 'claim', cid: 'k1', gift: 'free' });
  transport.last.tell({ t: 'ack', cid: 'k1', seq: 0, at: 5 });
  expect(await first).toMatchObject({ t: 'ack' });
  const second = chat.claim('free');
  transport.last.cut();
  expect(await second).toMatchObject({ t: 'reject', code: 'unavailable' });
});
