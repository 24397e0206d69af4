import type { Goods } from './catalogue';

/** The page of goods, when it is one for a browser: a mini-program's path is not, and no scheme but the web's is followed. */
export function pageOf(url: string): string | null {
  if (!/^https?:[/][/]/i.test(url)) return null;
  try {
    return new URL(url).href;
  } catch {
    return null;
  }
}

/** What something costs: now, and what it cost before. */
export function priceWords({
  price,
  price_to: to,
  price_kind: kind,
}: Omit<Goods, 'id' | 'name' | 'cover' | 'url' | 'explaining'>): {
  now: string;
  before: string | null;
} {
  if (kind === 'range' && to !== null && to !== price)
    return { now: `${money(price)} – ${money(to)}`, before: null };
  return { now: money(price), before: kind === 'discount' && to !== null ? money(to) : null };
}

/** Fen as yuan: `¥99`, `¥99.50`. */
function money(fen: number): string {
  return `¥${(fen / 100).toFixed(fen % 100 === 0 ? 0 : 2)}`;
}
