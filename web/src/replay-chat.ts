import type { Item } from './chat';

/** What is loaded at once, in milliseconds of the show. */
const STEP_MS = 60_000;
/** Steps before the one that is shown which are shown too: what one who comes in there would have read. */
const BEFORE = 3;
/** Most steps that are kept. */
const STEPS_MAX = 120;
/** Most answers for one step: a very busy minute. */
const PAGES_MAX = 8;
/** Most lines that are shown. */
const LINES_MAX = 200;
/** A step that could not be loaded is asked for again after this time. */
const AGAIN_MS = 5_000;

/** One answer of the server: what was said in a range of time, and whether there is more of it. */
export interface Page {
  items: Item[];
  more: boolean;
}

/** Asks for what was said from `from` on and before `to`, in milliseconds since 1970, and behind a number. */
export type Load = (from: number, to: number, afterSeq: number | null) => Promise<Page>;

/** The chat of a show that is over, loaded as far as it is watched. */
export class ReplayChat {
  private readonly steps = new Map<number, Item[] | null>();
  private readonly failedAt = new Map<number, number>();

  constructor(
    private readonly load: Load,
    private readonly changed: () => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** What had been said at a moment, oldest first; the minute after it is loaded too. */
  at(moment: number): Item[] {
    const step = Math.floor(moment / STEP_MS);
    for (let near = step - BEFORE; near <= step + 1; near++) this.want(near);
    const lines: Item[] = [];
    for (let near = step - BEFORE; near <= step; near++) lines.push(...(this.steps.get(near) ?? []));
    return lines.filter((item) => item.at <= moment && item.kind !== 'event').slice(-LINES_MAX);
  }

  private want(step: number): void {
    if (this.steps.has(step)) return;
    const failed = this.failedAt.get(step);
    if (failed !== undefined && this.now() - failed < AGAIN_MS) return;
    if (this.steps.size >= STEPS_MAX) this.steps.delete(this.steps.keys().next().value ?? step);
    this.steps.set(step, null);
    this.fetch(step).then(
      (items) => {
        this.steps.set(step, items);
        this.failedAt.delete(step);
        this.changed();
      },
      () => {
        this.steps.delete(step);
        this.failedAt.set(step, this.now());
      },
    );
  }

  private async fetch(step: number): Promise<Item[]> {
    const all: Item[] = [];
    for (let page = 0; page < PAGES_MAX; page++) {
      const after = all[all.length - 1]?.seq ?? null;
      const { items, more } = await this.load(step * STEP_MS, (step + 1) * STEP_MS, after);
      all.push(...items);
      if (!more || items.length === 0) break;
    }
    return all;
  }
}
