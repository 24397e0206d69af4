import type { Item } from '../chat';

/** How long a row stays after its last gift: as long as the server lets a row go on. */
export const ROW_MS = 5_000;
/** Most rows at once. */
export const ROWS_MAX = 3;

/** What somebody gives without a pause. */
export interface Row {
  key: string;
  name: string;
  avatar: string;
  gift: string;
  icon: string;
  /** How many so far. */
  times: number;
  until: number;
}

/** The rows of gifts over the picture, in the order in which they began. */
export class GiftRows {
  private rows: Row[] = [];

  /** What is to be seen at a time. */
  at(now: number): readonly Row[] {
    this.rows = this.rows.filter((row) => row.until > now);
    return this.rows;
  }

  /** One more gift. Where there is no room the row that is over first gives way. */
  add({ from, gift }: Item, now: number): void {
    if (!from || !gift) return;
    const key = JSON.stringify([from.id, gift.id]);
    const until = now + ROW_MS;
    const row = this.at(now).find((other) => other.key === key);
    if (row) {
      row.times = gift.combo;
      row.until = until;
      return;
    }
    if (this.rows.length >= ROWS_MAX) {
      const first = Math.min(...this.rows.map((other) => other.until));
      this.rows = this.rows.filter((other) => other.until !== first);
    }
    const { name, avatar } = from;
    this.rows = [
      ...this.rows,
      { key, name, avatar, gift: gift.name, icon: gift.icon, times: gift.combo, until },
    ];
  }
}

/** Whether the next gift goes on where this one stopped, so that one line tells of both. */
export function goesOn(item: Item, next: Item | undefined): boolean {
  const [gift, after] = [item.gift, next?.gift];
  if (!gift || !after || item.from?.id !== next?.from?.id) return false;
  return gift.id === after.id && after.combo === gift.combo + after.count;
}
