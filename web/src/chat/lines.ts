import type { Item } from './frames';

/** Most lines that are kept. */
export const LINES_MAX = 200;

/** Events that are something to read; the others only change what is there. */
const TOLD = ['state', 'muted', 'unmuted', 'removed', 'silence'];

/** The last lines of the chat, with everything applied to them that happened since. */
export class Lines {
  /** Oldest first. Another list whenever something changed. */
  all: readonly Item[] = [];

  /** One more, or what an event does to those that are there. */
  put(item: Item): void {
    if (item.kind !== 'event') return this.push(item);
    if (item.event === 'recalled') this.keep((line) => line.seq !== item.message);
    else if (item.event === 'cleared') {
      const { user } = item;
      this.keep((line) => line.kind === 'event' || (user != null && line.from?.id !== user));
    } else if (TOLD.includes(item.event ?? '')) this.push(item);
  }

  find(seq: number): Item | null {
    return this.all.find((line) => line.seq === seq) ?? null;
  }

  /**
   * Of what people said only these stay: the others were taken back meanwhile, or are older than what a server tells to
   * newcomers, and then nobody says whether they were.
   */
  reconcile(seqs: Set<number>): void {
    this.keep((line) => line.kind === 'event' || seqs.has(line.seq));
  }

  clear(): void {
    this.all = [];
  }

  private push(item: Item): void {
    this.all = [...this.all.slice(-(LINES_MAX - 1)), item];
  }

  private keep(stays: (line: Item) => boolean): void {
    if (!this.all.every(stays)) this.all = this.all.filter(stays);
  }
}
