import { inTime, TIMEOUT_MS } from './api';
import { parseTiles, tileAt, type Tile } from './vtt';

/** A longer file is not a list of pictures. */
const MOST_CHARACTERS = 4_000_000;
/** How old the list of a show that goes on may be when somebody looks for a picture that is not in it. */
const GROWS_MS = 4_000;
/** What has just been has no picture yet and is shown by the last one, up to so many seconds after it. */
const STANDS_S = 12;
/** After so many failures there are none. */
const PATIENCE = 3;

/** The small pictures of a show, which are asked for when a viewer first looks for one. */
export class Thumbnails {
  private tiles: readonly Tile[] = [];
  private askedAt = -Infinity;
  private failures = 0;
  private busy = false;

  /** `grows`: the show goes on, and its list of pictures with it. */
  constructor(
    private readonly url: string,
    readonly grows = false,
  ) {}

  /** The picture of a moment; null while there is none. */
  at(time: number): Tile | null {
    const tile = tileAt(this.tiles, time);
    if (this.wanted(tile, time)) void this.load();
    if (!tile || !this.grows) return tile;
    return time >= tile.from && time < tile.to + STANDS_S ? tile : null;
  }

  private wanted(tile: Tile | null, time: number): boolean {
    if (this.busy || this.failures >= PATIENCE) return false;
    if (this.askedAt === -Infinity) return true;
    const missing = this.grows && (!tile || time >= tile.to);
    return missing && performance.now() - this.askedAt >= GROWS_MS;
  }

  private async load(): Promise<void> {
    this.busy = true;
    this.askedAt = performance.now();
    try {
      const tiles = await inTime(async (signal) => {
        const response = await fetch(this.url, { signal });
        if (!response.ok) throw new Error(String(response.status));
        const text = await response.text();
        return text.length <= MOST_CHARACTERS ? parseTiles(text, response.url || this.url) : [];
      });
      if (this.tiles.length > 0) await loaded(tiles[tiles.length - 1]?.url);
      this.tiles = tiles;
      this.failures = 0;
    } catch {
      // A bar without pictures is a bar all the same.
      this.failures++;
    }
    this.busy = false;
  }
}

/** Loads a picture beforehand: in place of one that is shown, it would be black until it is there. */
async function loaded(url: string | undefined): Promise<void> {
  if (!url) return;
  const image = new Image();
  image.src = url;
  const late = new Promise<void>((done) => setTimeout(done, TIMEOUT_MS));
  await Promise.race([image.decode().catch(() => undefined), late]);
}
