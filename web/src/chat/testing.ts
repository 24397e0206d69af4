import type { Clock } from './clock';
import type { Body, Frame, Item } from './frames';
import type { Handlers, Link, Transport } from './transport';

/** Numbers that look random and are the same in every run. */
export function dice(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

/** Time that passes when the test says so. */
export class TestClock implements Clock {
  private at = 1_000_000;
  private timers: { at: number; act: () => void }[] = [];

  constructor(readonly random: () => number = dice(7)) {}

  now(): number {
    return this.at;
  }

  later(ms: number, act: () => void): () => void {
    const timer = { at: this.at + ms, act };
    this.timers.push(timer);
    return () => (this.timers = this.timers.filter((other) => other !== timer));
  }

  /** Lets so much time pass, with what happens in it. */
  async pass(ms: number): Promise<void> {
    const end = this.at + ms;
    for (;;) {
      // Promises of the client run before the next timer.
      await Promise.resolve();
      await Promise.resolve();
      const next = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.at = Math.max(this.at, next.at);
      next.act();
    }
    this.at = end;
    await Promise.resolve();
  }
}

/** One connection to the test's server. */
export class TestLink implements Link {
  sent: Record<string, unknown>[] = [];
  closed = false;

  constructor(
    readonly to: Handlers,
    private readonly heard: (link: TestLink, frame: Record<string, unknown>) => void = () => undefined,
  ) {}

  send(text: string): void {
    if (this.closed) return;
    const frame = JSON.parse(text) as Record<string, unknown>;
    this.sent.push(frame);
    this.heard(this, frame);
  }

  close(): void {
    this.closed = true;
  }

  /** The server says something. */
  tell(frame: Frame | object): void {
    if (!this.closed) this.to.message(JSON.stringify(frame));
  }

  /** The network takes the connection away. */
  cut(): void {
    if (this.closed) return;
    this.closed = true;
    this.to.closed(1006, '');
  }
}

/** Hands out links that the test works by hand. */
export class TestTransport implements Transport {
  links: TestLink[] = [];

  connect(_url: string, to: Handlers): Link {
    const link = new TestLink(to);
    this.links.push(link);
    return link;
  }

  get last(): TestLink {
    const link = this.links[this.links.length - 1];
    if (!link) throw new Error('nobody has connected');
    return link;
  }
}

const EPOCH_STEP = 1 << 20;
const PAGE = 50;

/**
 * A server as the wire describes it, behind a network that loses connections, delays frames, lets answers overtake
 * batches, and skips batches of whoever is slow.
 */
export class TestServer implements Transport {
  log: Item[] = [];
  /** How many connections come to nothing. */
  refusing = 0.2;
  private epoch = 1;
  private seq = 0;
  private epochFrom = 0;
  private answers = new Map<string, { seq: number; at: number }>();
  private seats = new Map<TestLink, { user: string; next: number }>();

  constructor(
    private readonly clock: TestClock,
    private readonly random: () => number,
  ) {}

  connect(_url: string, to: Handlers): Link {
    const link = new TestLink(to, (from, frame) => this.later(from, () => this.hear(from, frame)));
    if (this.random() < this.refusing) this.clock.later(30 * this.random(), () => link.cut());
    else this.clock.later(20 * this.random(), () => !link.closed && to.open());
    return link;
  }

  /** Some connections are lost. */
  cut(share: number): void {
    for (const link of [...this.seats.keys()]) if (this.random() < share) this.drop(link);
  }

  /** Everybody is told to go, and numbers go on elsewhere; what was answered is forgotten. */
  restart(): void {
    for (const link of [...this.seats.keys()]) {
      link.tell({ t: 'goaway', reconnect_in_ms: 500 + Math.floor(2_000 * this.random()), reason: '' });
      this.drop(link);
    }
    this.epoch++;
    this.seq = this.seq === 0 ? 0 : (Math.floor(this.seq / EPOCH_STEP) + 1) * EPOCH_STEP;
    this.epochFrom = this.seq;
    this.answers.clear();
  }

  /** Sends what is new; whoever is slow is moved on without. */
  flush(slow: number): void {
    for (const [link, seat] of this.seats) {
      const items = this.log.filter((item) => item.seq >= seat.next);
      if (items.length === 0) continue;
      seat.next = this.seq + 1;
      if (this.random() < slow) continue;
      const batch = { t: 'batch', from: items[0]?.seq, to: this.seq, items };
      this.later(link, () => link.tell(batch), 1);
    }
  }

  /** Like the kernel: in order, but an answer and a batch may come in either. */
  private later(link: TestLink, act: () => void, lane = 0): void {
    const lanes = link as TestLink & { lanes?: number[] };
    lanes.lanes ??= [0, 0];
    const at = Math.max(lanes.lanes[lane] ?? 0, this.clock.now() + 40 * this.random());
    lanes.lanes[lane] = at + 0.001;
    this.clock.later(at - this.clock.now(), () => !link.closed && act());
  }

  private drop(link: TestLink): void {
    this.seats.delete(link);
    link.cut();
  }

  private hear(link: TestLink, frame: Record<string, unknown>): void {
    if (frame.t === 'hello') return this.welcome(link, frame);
    const seat = this.seats.get(link);
    if (!seat) return;
    if (frame.t === 'send') this.say(link, seat.user, String(frame.cid), frame as unknown as Body);
    else if (frame.t === 'resume') {
      const messages = this.log.filter((item) => item.seq > Number(frame.seq));
      this.later(link, () => link.tell({ t: 'resumed', recovered: true, messages }));
    } else if (frame.t === 'ping') this.later(link, () => link.tell({ t: 'pong', at: this.clock.now() }));
  }

  private say(link: TestLink, user: string, cid: string, { text }: Body & { text?: string }): void {
    const key = `${user} ${cid}`;
    let answer = this.answers.get(key);
    if (!answer && this.random() < 0.1) {
      const reject = {
        t: 'reject',
        cid,
        code: 'unavailable',
        retry_after_ms: 200,
        message: '',
        message_zh: '',
      };
      return this.later(link, () => link.tell(reject));
    }
    if (!answer) {
      answer = { seq: ++this.seq, at: this.clock.now() };
      this.answers.set(key, answer);
      const from = { id: user, name: user, avatar: '', role: 'viewer' as const };
      this.log.push({ ...answer, kind: 'text', from, cid, text });
    }
    const ack = { t: 'ack', cid, ...answer };
    this.later(link, () => link.tell(ack));
  }

  private welcome(link: TestLink, hello: Record<string, unknown>): void {
    const user = String(hello.token);
    const since = hello.resume as { epoch: string; seq: number } | undefined;
    const ours = since?.epoch === String(this.epoch) && since.seq >= this.epochFrom;
    const messages = ours ? this.log.filter((item) => item.seq > since.seq) : this.log.slice(-PAGE);
    this.seats.set(link, { user, next: this.seq + 1 });
    const told = welcome(user, String(this.epoch), this.seq, ours, messages);
    this.later(link, () => link.tell(told));
    // Lanes meet here: nothing comes before the welcome.
    const lanes = (link as TestLink & { lanes?: number[] }).lanes;
    if (lanes) lanes.fill(Math.max(...lanes));
  }
}

/** A welcome with what most tests do not look at. */
export function welcome(
  user: string,
  epoch: string,
  seq: number,
  recovered: boolean,
  messages: Item[],
): Frame {
  return {
    t: 'welcome',
    room: {
      id: 'r1',
      title: 'Show',
      cover: '',
      host: { id: 'host', name: 'Host', avatar: '' },
      state: 'live',
      stream: 'live/r1',
      starts_at: null,
      live_at: 1,
      ended_at: null,
    },
    you: { id: user, name: user, avatar: '', role: 'viewer', guest: false },
    guest: null,
    epoch,
    seq,
    at: 2_000_000,
    recovered,
    messages,
    counters: { online: 1, likes: 0 },
    pinned: null,
    muted: false,
    silent: false,
    limits: { text: 500, every_ms: 1_000, burst: 3, slow_ms: 0, images: true, likes: true, gifts: true },
    heartbeat_s: 25,
  };
}
