/** A picture of a moment: a piece of a sheet of many, or a file of its own. */
export interface Tile {
  from: number;
  to: number;
  url: string;
  /** The piece of it; null for all. */
  piece: { x: number; y: number; width: number; height: number } | null;
}

/** More than a day, a picture every five seconds. */
const MOST_TILES = 20_000;
const TIMING = /^\s*(\S+)\s+-->\s+(\S+)/;
const PIECE = /#xywh=(?:pixel:)?(\d+),(\d+),(\d+),(\d+)$/;

/** Reads a WebVTT file of pictures for a seek bar; `base` is the address it came from. What cannot be read is left out. */
export function parseTiles(text: string, base: string): Tile[] {
  const tiles: Tile[] = [];
  const lines = text.split(/\r\n|\r|\n/);
  for (let i = 0; i < lines.length && tiles.length < MOST_TILES; i++) {
    const timing = TIMING.exec(lines[i] ?? '');
    const from = timing && seconds(timing[1] ?? '');
    const to = timing && seconds(timing[2] ?? '');
    if (from === null || to === null || !(to > from)) continue;
    const place = absolute((lines[i + 1] ?? '').trim(), base);
    if (!place) continue;
    const found = PIECE.exec(place);
    const [x = 0, y = 0, width = 0, height = 0] = (found?.slice(1) ?? []).map(Number);
    const url = place.replace(/#.*$/, '');
    tiles.push({ from, to, url, piece: width > 0 && height > 0 ? { x, y, width, height } : null });
  }
  return tiles.sort((a, b) => a.from - b.from);
}

/** The picture of a moment: the last that begins before it. */
export function tileAt(tiles: readonly Tile[], time: number): Tile | null {
  let low = 0;
  let high = tiles.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((tiles[middle]?.from ?? Infinity) <= time) low = middle + 1;
    else high = middle;
  }
  return tiles[Math.max(0, low - 1)] ?? null;
}

/** `01:02:03.500` or `02:03.500`, in seconds. */
function seconds(stamp: string): number | null {
  const parts = /^(?:(\d+):)?(\d\d):(\d\d)[.](\d{3})$/.exec(stamp);
  if (!parts) return null;
  const [hours = 0, minutes = 0, whole = 0, thousandths = 0] = parts
    .slice(1)
    .map((part) => Number(part ?? 0));
  return hours * 3_600 + minutes * 60 + whole + thousandths / 1_000;
}

/** An address of the web, or null: the file decides what the page loads, so nothing else is taken from it. */
function absolute(place: string, base: string): string | null {
  try {
    const url = new URL(place, base);
    return place !== '' && /^https?:$/.test(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
