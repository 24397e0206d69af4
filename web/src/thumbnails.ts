import { parseTiles, tileAt, type Tile } from './vtt';

/** A longer file is not a list of pictures. */
const MOST_CHARACTERS = 4_000_000;

/** The small pictures of a show, which are asked for when a viewer first looks for one. */
export class Thumbnails {
  private tiles: readonly Tile[] = [];
  private asked = false;

  constructor(private readonly url: string) {}

  /** The picture of a moment; null while there is none. */
  at(time: number): Tile | null {
    if (!this.asked) void this.load();
    return tileAt(this.tiles, time);
  }

  private async load(): Promise<void> {
    this.asked = true;
    try {
      const response = await fetch(this.url);
      const text = response.ok ? await response.text() : '';
      if (text.length <= MOST_CHARACTERS) this.tiles = parseTiles(text, response.url || this.url);
    } catch {
      // A bar without pictures is a bar all the same.
    }
  }
}
