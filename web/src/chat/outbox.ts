import type { Ack, Author, Body, Item, Reject } from './frames';

/** Most messages that wait for their answer. */
export const WAITING_MAX = 50;

/** Most refused messages that are kept to be said again; the oldest goes first. */
export const REFUSED_MAX = 20;

/** After so long without an answer a message is sent again; the server shows it once. */
const ANSWER_MS = 10_000;

/** Frames of a second, well below what the server cuts connections for. */
const PER_SECOND = 10;

/** Something that this client says. */
export interface Outgoing {
  readonly cid: string;
  readonly body: Body;
  /** When it was said, by the clock here. */
  readonly at: number;
  /** `sent` once the server has it; then its item comes. `refused` stays until it is said again or dropped. */
  state: 'waiting' | 'sent' | 'refused';
  seq: number | null;
  refusal: Reject | null;
  /** When the same may pass, by the clock here; null when waiting does not help. */
  retryAt: number | null;
}

/** A message with when it is to be sent next. */
interface Waiting extends Outgoing {
  due: number;
}

/** What this client said and has not come back as an item yet. */
export class Outbox {
  private list: Waiting[] = [];
  private sentAt: number[] = [];

  /** Oldest first. */
  get all(): readonly Outgoing[] {
    return this.list;
  }

  get isFull(): boolean {
    return this.list.filter((one) => one.state === 'waiting').length >= WAITING_MAX;
  }

  add(cid: string, body: Body, now: number): Outgoing {
    const one: Waiting = {
      cid,
      body,
      at: now,
      state: 'waiting',
      seq: null,
      refusal: null,
      retryAt: null,
      due: now,
    };
    this.list.push(one);
    return one;
  }

  /** A connection is new: nobody knows what the one before took. */
  again(now: number): void {
    this.list.forEach((one) => (one.due = now));
    this.sentAt = [];
  }

  /** What is to be sent now. */
  take(now: number): Outgoing[] {
    this.sentAt = this.sentAt.filter((at) => now - at < 1_000);
    const due = this.list.filter((one) => one.state === 'waiting' && one.due <= now);
    const taken = due.slice(0, Math.max(0, PER_SECOND - this.sentAt.length));
    for (const one of taken) {
      one.due = now + ANSWER_MS;
      this.sentAt.push(now);
    }
    return taken;
  }

  /** When there is something to send next. */
  next(now: number): number | null {
    const dues = this.list.filter((one) => one.state === 'waiting').map((one) => one.due);
    if (dues.length === 0) return null;
    const free = this.sentAt.length < PER_SECOND ? now : (this.sentAt[0] ?? now) + 1_000;
    return Math.max(Math.min(...dues), free);
  }

  ack({ cid, seq }: Ack): Outgoing | null {
    const one = this.find(cid);
    if (!one || one.state === 'refused') return null;
    one.state = 'sent';
    one.seq = seq;
    return one;
  }

  /** Takes a refusal. What the server could not do is tried again by itself. */
  reject(reject: Reject, now: number): Outgoing | null {
    const one = this.find(reject.cid ?? '');
    if (!one || one.state !== 'waiting') return null;
    const wait = reject.retry_after_ms;
    if (reject.code === 'unavailable' && wait !== null) {
      one.due = now + wait;
      return null;
    }
    one.state = 'refused';
    one.refusal = reject;
    one.retryAt = wait === null ? null : now + wait;
    const refused = this.list.filter((other) => other.state === 'refused');
    if (refused.length > REFUSED_MAX) this.drop(refused[0]?.cid ?? '');
    return one;
  }

  /** An item came: it is ours and has left, or it is not. */
  settle(item: Item, you: Author): Outgoing | null {
    if (!item.cid || item.from?.id !== you.id) return null;
    return this.drop(item.cid);
  }

  /** Those that were taken and of which no item came although later ones did. */
  overdue(seq: number): Outgoing[] {
    const over = this.list.filter((one) => one.state === 'sent' && one.seq !== null && one.seq <= seq);
    over.forEach((one) => this.drop(one.cid));
    return over;
  }

  drop(cid: string): Outgoing | null {
    const one = this.find(cid);
    if (one) this.list = this.list.filter((other) => other !== one);
    return one;
  }

  find(cid: string): Waiting | null {
    return this.list.find((one) => one.cid === cid) ?? null;
  }
}
