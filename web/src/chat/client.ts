import { delay, systemClock, type Clock } from './clock';
import type {
  Ack,
  Author,
  Batch,
  Body,
  Bye,
  Counters,
  Entered,
  Frame,
  GoAway,
  Item,
  Limits,
  Order,
  Reject,
  Resumed,
  RoomInfo,
  Welcome,
} from './frames';
import { Lines } from './lines';
import { Outbox, type Outgoing } from './outbox';
import { uuid } from './uuid';
import { webSockets, type Link, type Transport } from './transport';

/** How long a connection may take until the welcome. */
const WELCOME_MS = 15_000;
/** How long a ping may go unanswered. */
const PONG_MS = 10_000;
/** A connection that held this long was good: delays begin anew. */
const GOOD_MS = 10_000;
/** Likes are summed for this long. */
const LIKES_MS = 1_000;
/** Most likes of one report; the server takes no more. */
const LIKES_MAX = 300;
/** How many messages a welcome has at most, when it does not continue what the client has. */
const PAGE = 50;
/** Most items that are kept behind a hole; beyond, the hole is left. */
const HELD_MAX = 2_000;

export interface Options {
  /** `wss://HOST/chat`. */
  url: string;
  room: string;
  /** A user token, or what gets a fresh one for each connection; none: a guest. */
  token?: string | (() => string | Promise<string>) | null;
  /** The guest token of an earlier visit. */
  guest?: string | null;
  /** Who brought this user here. */
  inviter?: string;
  transport?: Transport;
  clock?: Clock;
}

/** Whether there is a connection, and what comes of it. */
export type Status =
  | { is: 'closed' | 'connecting' | 'open' }
  /** Comes back by itself at `until`, by the clock here. */
  | { is: 'waiting'; until: number }
  /** The server does not want it back: it was `inside` and has been put out, or it was not let in. */
  | { is: 'over'; bye: Bye; inside: boolean };

/** What can be listened to. */
export interface Events {
  /** Something that a page shows is another now. */
  change: () => void;
  /** Every item, once and in order. */
  item: (item: Item) => void;
  /** Items are missing before the next one. */
  hole: () => void;
  entered: (entered: Entered) => void;
  refused: (message: Outgoing) => void;
  welcome: (welcome: Welcome) => void;
  /** Every frame as it came, for what this client does not do itself. */
  frame: (frame: Frame) => void;
}

/** Somebody in one room: keeps the connection, what was said, and what they said themselves. */
export class ChatClient {
  status: Status = { is: 'closed' };
  room: RoomInfo | null = null;
  you: (Author & { guest: boolean }) | null = null;
  /** By which a guest is known again; to be kept. */
  guest: string | null;
  counters: Counters = { online: 0, likes: 0 };
  pinned: Item | null = null;
  /** Until when this user may not speak; null for good. */
  muted: { until: number | null } | null = null;
  /** Whether only the host's side speaks. */
  silent = false;
  limits: Limits | null = null;
  /** The number of the last item. */
  seq = 0;
  epoch: string | null = null;
  /** Holes that could not be filled. */
  holes = 0;
  private readonly list = new Lines();
  private readonly outbox = new Outbox();
  private readonly clock: Clock;
  private readonly transport: Transport;
  private readonly listeners: { [K in keyof Events]: Set<Events[K]> } = {
    change: new Set(),
    item: new Set(),
    hole: new Set(),
    entered: new Set(),
    refused: new Set(),
    welcome: new Set(),
    frame: new Set(),
  };
  private readonly orders = new Map<string, (answer: Ack | Reject) => void>();
  private readonly prefix: string;
  private number = 0;
  private link: Link | null = null;
  private attempt = 0;
  private openedAt = 0;
  private ahead = 0;
  /** Items behind a hole, by number, while the hole is fetched. */
  private held = new Map<number, Item>();
  private likes = 0;
  private heartbeat = 25_000;
  private readonly timers = { come: noop, pump: noop, likes: noop, beat: noop };

  constructor(private readonly options: Options) {
    this.clock = options.clock ?? systemClock;
    this.transport = options.transport ?? webSockets();
    this.guest = options.guest ?? null;
    const part = () => Math.floor(this.clock.random() * 0x1_0000_0000).toString(36);
    this.prefix = part() + part();
  }

  /** The last 200 lines, with recalls and the like applied; another list whenever it changed. */
  get lines(): readonly Item[] {
    return this.list.all;
  }

  /** What was said here and is not among the lines yet. */
  get outgoing(): readonly Outgoing[] {
    return this.outbox.all;
  }

  /** The server's time, in milliseconds since 1970. */
  get serverNow(): number {
    return this.clock.now() + this.ahead;
  }

  on<K extends keyof Events>(name: K, listener: Events[K]): () => void {
    this.listeners[name].add(listener);
    return () => this.listeners[name].delete(listener);
  }

  /** Comes in, or comes back at once, with what it has. */
  open(): void {
    if (this.link) return;
    this.timers.come();
    void this.connect();
  }

  /** Leaves. What it has is kept for another `open`. */
  close(): void {
    this.timers.come();
    this.hangUp();
    this.set({ is: 'closed' });
  }

  /** The network may be another: a connection that is dead is given up soon, and waiting ends. */
  check(): void {
    if (this.status.is === 'waiting') this.open();
    else if (this.status.is === 'open') this.ping();
  }

  /** Says something. It is sent until the server answers, over as many connections as that takes. */
  say(text: string, more: { reply_to?: number; mentions?: string[] } = {}): Outgoing {
    return this.send({ kind: 'text', text, ...more });
  }

  /** The same for every kind. `cid` is the message's own id, where the caller has one. */
  send(body: Body, cid = this.cid()): Outgoing {
    const now = this.clock.now();
    const full = this.outbox.isFull;
    const one = this.outbox.add(cid, body, now);
    if (full) this.refuse(TOO_MANY(cid));
    this.pump();
    this.changed();
    return one;
  }

  /**
   * Gives something, under an id that is good for ever: however often it has to be sent, it is given and paid for once.
   */
  gift(gift: string, count = 1, cid = uuid(this.clock.random)): Outgoing {
    return this.send({ kind: 'gift', gift, count }, cid);
  }

  /** Gets a gift that is claimed before it is given. */
  claim(gift: string, cid = uuid(this.clock.random)): Promise<Ack | Reject> {
    return this.order(cid, { t: 'claim', cid, gift });
  }

  /** Says what was refused again. A gift stays the same gift. */
  retry(cid: string): Outgoing | null {
    const one = this.outbox.find(cid);
    if (one?.state !== 'refused') return null;
    this.outbox.drop(cid);
    return one.body.kind === 'gift' ? this.send(one.body, cid) : this.send(one.body);
  }

  /** Forgets what was refused. */
  dismiss(cid: string): void {
    if (this.outbox.find(cid)?.state === 'refused') this.outbox.drop(cid);
    this.changed();
  }

  like(times = 1): void {
    if (this.likes === 0) this.timers.likes = this.clock.later(LIKES_MS, () => this.sendLikes());
    this.likes = Math.min(LIKES_MAX, this.likes + times);
  }

  /** What is counted and not shown: that the room was passed on, that something on the shelf was looked at. */
  count(what: 'share' | 'goods', id?: string): void {
    this.frame({ t: 'count', what, id });
  }

  /** Orders of the host's side. A connection that ends first answers `unavailable`: look whether it was done. */
  do(what: string, order: Order = {}, cid = this.cid()): Promise<Ack | Reject> {
    return this.order(cid, { t: 'do', cid, what, ...order });
  }

  private order(cid: string, frame: object): Promise<Ack | Reject> {
    if (this.status.is !== 'open') return Promise.resolve(LOST(cid));
    this.frame(frame);
    return new Promise((done) => this.orders.set(cid, done));
  }

  private cid(): string {
    return `${this.prefix}-${++this.number}`;
  }

  private async connect(): Promise<void> {
    this.set({ is: 'connecting' });
    const { token: given } = this.options;
    const link: { mine: Link | null } = { mine: null };
    // Its own mark until it has a connection: whoever closes meanwhile takes it away.
    const mark: Link = { send: noop, close: noop };
    this.link = mark;
    let token: string | null;
    try {
      token = (typeof given === 'function' ? await given() : given) ?? null;
    } catch {
      if (this.link === mark) this.lost();
      return;
    }
    if (this.link !== mark) return;
    const isMine = () => this.link !== null && this.link === (link.mine ?? mark);
    try {
      link.mine = this.transport.connect(this.options.url, {
        open: () => isMine() && this.hello(token),
        message: (text) => isMine() && this.hear(text),
        closed: () => isMine() && this.lost(),
      });
    } catch {
      if (this.link === mark) this.lost();
      return;
    }
    if (this.link !== mark) return link.mine.close();
    this.link = link.mine;
    this.timers.beat();
    this.timers.beat = this.clock.later(WELCOME_MS, () => this.lost());
  }

  private hello(token: string | null): void {
    const { room, inviter } = this.options;
    const resume = this.epoch === null ? undefined : { epoch: this.epoch, seq: this.seq };
    const who = token === null ? { guest: this.guest ?? '' } : { token };
    this.write({ t: 'hello', v: 1, room, ...who, resume, inviter });
  }

  private hear(text: string): void {
    let frame: Frame;
    try {
      frame = JSON.parse(text) as Frame;
    } catch {
      // Whatever it is, it is not for this version.
      return;
    }
    if (this.status.is === 'open') this.listen();
    this.emit('frame', frame);
    switch (frame.t) {
      case 'welcome':
        return this.welcome(frame);
      case 'batch':
        return this.batch(frame);
      case 'resumed':
        return this.resumed(frame);
      case 'ack':
        return this.ack(frame);
      case 'reject':
        return this.refuse(frame);
      case 'goaway':
        return this.goAway(frame);
      case 'bye': {
        const inside = this.status.is === 'open';
        this.hangUp();
        return this.set({ is: 'over', bye: frame, inside });
      }
    }
  }

  private welcome(welcome: Welcome): void {
    const now = this.clock.now();
    this.openedAt = now;
    this.ahead = welcome.at - now;
    this.room = welcome.room;
    this.you = welcome.you;
    this.guest = welcome.guest ?? this.guest;
    this.counters = welcome.counters;
    this.muted = welcome.muted ? { until: this.muted?.until ?? null } : null;
    this.silent = welcome.silent;
    this.limits = welcome.limits;
    this.heartbeat = welcome.heartbeat_s * 1_000;
    this.held.clear();
    const had = this.epoch !== null;
    this.epoch = welcome.epoch;
    const { messages } = welcome;
    const first = messages[0]?.seq ?? welcome.seq + 1;
    if (!welcome.recovered) {
      // A server whose numbers are behind ours has lost them, and ours mean nothing any more.
      if (welcome.seq < this.seq) {
        this.list.clear();
        this.seq = 0;
      }
      this.list.reconcile(new Set(messages.map((item) => item.seq)));
      // Fewer than a full page are all that there is.
      if (had && messages.length >= PAGE && first > this.seq + 1) this.hole();
    }
    messages.forEach((item) => item.seq > this.seq && this.take(item));
    this.seq = Math.max(this.seq, welcome.seq);
    this.pinned = welcome.pinned;
    this.overdue();
    this.status = { is: 'open' };
    this.listen();
    this.emit('welcome', welcome);
    this.outbox.again(now);
    this.pump();
    this.changed();
  }

  private batch(batch: Batch): void {
    if (batch.counters) this.counters = batch.counters;
    this.accept(batch.items);
    if (batch.pinned !== undefined) this.pinned = batch.pinned;
    if (batch.entered) this.emit('entered', batch.entered);
    this.changed();
  }

  /** Takes items as far as they follow; asks for what is missing before the others. */
  private accept(items: Item[]): void {
    for (const item of items) {
      if (item.seq <= this.seq) continue;
      if (item.seq === this.seq + 1) this.take(item);
      else {
        if (this.held.size === 0) this.frame({ t: 'resume', seq: this.seq });
        this.held.set(item.seq, item);
      }
    }
    this.release();
    if (this.held.size > HELD_MAX) this.giveUp();
    this.overdue();
  }

  /** Takes what was held and follows now. */
  private release(): void {
    for (let next = this.held.get(this.seq + 1); next; next = this.held.get(this.seq + 1)) this.take(next);
    for (const seq of this.held.keys()) if (seq <= this.seq) this.held.delete(seq);
  }

  private resumed({ recovered, messages }: Resumed): void {
    if (!recovered) this.giveUp();
    const held = this.held.size;
    this.accept(messages);
    // A second hole behind the first one.
    if (held > 0 && this.held.size > 0) this.frame({ t: 'resume', seq: this.seq });
    this.changed();
  }

  /** What is missing is not to be had. */
  private giveUp(): void {
    if (this.held.size === 0) return;
    this.hole();
    this.seq = Math.min(...this.held.keys()) - 1;
    this.release();
  }

  private hole(): void {
    this.holes++;
    this.emit('hole');
  }

  /** One item, the next. */
  private take(item: Item): void {
    this.seq = item.seq;
    if (this.you) this.outbox.settle(item, this.you);
    this.list.put(item);
    if (item.kind === 'event') this.happened(item);
    this.emit('item', item);
  }

  private happened(item: Item): void {
    const mine = item.user != null && item.user === this.you?.id;
    if (item.event === 'state' && item.state && this.room) {
      const ended = item.state === 'ended' || item.state === 'banned';
      this.room = {
        ...this.room,
        state: item.state,
        live_at: item.state === 'live' ? (this.room.live_at ?? item.at) : this.room.live_at,
        ended_at: ended ? item.at : null,
      };
    } else if (item.event === 'pinned')
      this.pinned = item.message == null ? null : this.list.find(item.message);
    else if (item.event === 'recalled' && this.pinned?.seq === item.message) this.pinned = null;
    else if (item.event === 'cleared' && (item.user == null || this.pinned?.from?.id === item.user))
      this.pinned = null;
    else if (item.event === 'muted' && mine) this.muted = { until: item.until ?? null };
    else if (item.event === 'unmuted' && mine) this.muted = null;
    else if (item.event === 'silence') this.silent = item.on === true;
  }

  private ack(ack: Ack): void {
    this.answer(ack);
    if (this.outbox.ack(ack)) {
      this.overdue();
      this.changed();
    }
  }

  private refuse(reject: Reject): void {
    this.answer(reject);
    const refused = this.outbox.reject(reject, this.clock.now());
    if (refused) this.emit('refused', refused);
    this.pump();
    this.changed();
  }

  private answer(answer: Ack | Reject): void {
    const cid = answer.cid ?? '';
    this.orders.get(cid)?.(answer);
    this.orders.delete(cid);
  }

  /** What was taken and did not come, though later numbers did, is shown here all the same: its author said it. */
  private overdue(): void {
    if (!this.you) return;
    const { id } = this.you;
    for (const { body, cid, seq, at } of this.outbox.overdue(this.seq)) {
      // It came before its answer did.
      if (this.list.all.some((line) => line.cid === cid && line.from?.id === id)) continue;
      const { guest: _, ...from } = this.you;
      const item = {
        ...body,
        ...(body.kind === 'gift' && { gift: given(body) }),
        kind: body.kind ?? 'text',
        seq: (seq ?? 0) - 0.5,
        at: at + this.ahead,
        from,
        cid,
      };
      this.list.put(item as Item);
    }
  }

  private goAway({ reconnect_in_ms: ms }: GoAway): void {
    this.hangUp();
    this.comeIn(ms);
  }

  /** The connection is gone, and nobody said for how long. */
  private lost(): void {
    if (this.openedAt > 0 && this.clock.now() - this.openedAt >= GOOD_MS) this.attempt = 0;
    this.hangUp();
    this.comeIn(delay(this.attempt++, this.clock.random()));
  }

  private comeIn(ms: number): void {
    this.timers.come();
    this.timers.come = this.clock.later(ms, () => this.open());
    this.set({ is: 'waiting', until: this.clock.now() + ms });
  }

  private hangUp(): void {
    const { link } = this;
    this.link = null;
    this.openedAt = 0;
    this.timers.beat();
    this.timers.pump();
    link?.close();
    const lost = [...this.orders];
    this.orders.clear();
    lost.forEach(([cid, done]) => done(LOST(cid)));
  }

  /** Something was heard: the connection lives. After a silence it is asked. */
  private listen(): void {
    this.timers.beat();
    this.timers.beat = this.clock.later(this.heartbeat, () => this.ping());
  }

  private ping(): void {
    this.timers.beat();
    this.timers.beat = this.clock.later(PONG_MS, () => this.lost());
    this.frame({ t: 'ping' });
  }

  private sendLikes(): void {
    const { likes: n } = this;
    // Without a connection they wait for the next one.
    if (this.status.is !== 'open') {
      this.timers.likes = this.clock.later(LIKES_MS, () => this.sendLikes());
      return;
    }
    this.likes = 0;
    this.frame({ t: 'like', n });
  }

  /** Sends what is to be sent, and sees to it that the rest will be. */
  private pump(): void {
    this.timers.pump();
    if (this.status.is !== 'open') return;
    const now = this.clock.now();
    for (const { cid, body } of this.outbox.take(now)) this.frame({ t: 'send', cid, ...body });
    const next = this.outbox.next(now);
    if (next !== null) this.timers.pump = this.clock.later(Math.max(1, next - now), () => this.pump());
  }

  private frame(frame: object): void {
    if (this.status.is === 'open') this.write(frame);
  }

  private write(frame: object): void {
    try {
      this.link?.send(JSON.stringify(frame));
    } catch {
      // A socket that is closing; its end is told in a moment.
    }
  }

  private set(status: Status): void {
    this.status = status;
    this.changed();
  }

  private changed(): void {
    this.emit('change');
  }

  private emit<K extends keyof Events>(name: K, ...values: Parameters<Events[K]>): void {
    for (const listener of [...this.listeners[name]]) {
      (listener as (...all: Parameters<Events[K]>) => void)(...values);
    }
  }
}

function noop(): void {}

/** A gift as far as its giver knows it. */
function given({ gift, count }: { gift: string; count: number }): Item['gift'] {
  return { id: gift, name: gift, icon: '', count, combo: count, price: 0 };
}

const LOST = (cid: string): Reject => ({
  t: 'reject',
  cid,
  code: 'unavailable',
  retry_after_ms: null,
  message: 'the connection ended before the answer came',
  message_zh: '连接在收到答复前断开',
});

const TOO_MANY = (cid: string): Reject => ({
  t: 'reject',
  cid,
  code: 'rate_user',
  retry_after_ms: 1_000,
  message: 'too many messages wait for the connection',
  message_zh: '待发送的消息太多，请稍后再试',
});
