import { LINES_MAX } from '../chat/lines';

/** Where messages are missing among the lines of the chat. */
export class Holes {
  /** The numbers of the last items before. */
  private after: readonly number[] = [];

  add(seq: number): void {
    this.after = [...this.after, seq];
  }

  /** The numbers of the lines that a hole is before; `seq` is the last item's. Forgets those that are not there any more. */
  before(lines: readonly { seq: number }[], seq: number): Set<number> {
    const shown = new Set<number>();
    const stays = (after: number) => {
      const next = lines.find((line) => line.seq > after);
      // It left with what stood before it, or numbers have begun anew.
      if (after > seq || (next && next === lines[0] && lines.length >= LINES_MAX)) return false;
      // Several with nothing between them are one. Behind the newest line it waits for the next.
      const place = next?.seq ?? Infinity;
      if (shown.has(place)) return false;
      shown.add(place);
      return true;
    };
    this.after = this.after.filter(stays);
    return shown;
  }
}
