/** A shorter wait cannot be seen: browsers report them around every jump. */
const VISIBLE_MS = 120;

/** Counts how often and how long the picture stood still. Times are milliseconds of any one clock. */
export class Stalls {
  private since: number | null = null;
  private done = 0;
  private doneMs = 0;

  begin(now: number): void {
    this.since ??= now;
  }

  end(now: number): void {
    if (this.since === null) return;
    const length = now - this.since;
    this.since = null;
    if (length < VISIBLE_MS) return;
    this.done += 1;
    this.doneMs += length;
  }

  /** Forgets the stall under way: it was a pause, or a page in the background. */
  forget(): void {
    this.since = null;
  }

  /** Since when the picture stands still. */
  get standing(): number | null {
    return this.since;
  }

  count(now: number): number {
    return this.done + (this.running(now) > 0 ? 1 : 0);
  }

  totalMs(now: number): number {
    return this.doneMs + this.running(now);
  }

  private running(now: number): number {
    const length = this.since === null ? 0 : now - this.since;
    return length < VISIBLE_MS ? 0 : length;
  }
}
