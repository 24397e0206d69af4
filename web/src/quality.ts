import type { Level } from './playback';

/** Which quality the viewer wants. It outlives the players of a page, each of which may have other levels. */
export class Quality {
  /** Null lets the player choose. */
  wanted: Level | null = null;

  /** Which of these levels, best first, comes nearest: of the same size, else the largest that is smaller. */
  among(levels: Level[]): number | null {
    const { wanted } = this;
    if (!wanted || levels.length === 0) return null;
    const far = ({ kbps }: Level) => Math.abs((kbps ?? 0) - (wanted.kbps ?? 0));
    const same = levels.filter(({ lines }) => lines === wanted.lines);
    if (same.length > 0)
      return levels.indexOf(same.reduce((best, one) => (far(one) < far(best) ? one : best)));
    const smaller = levels.findIndex(({ lines }) => (lines ?? 0) < (wanted.lines ?? Infinity));
    return smaller < 0 ? levels.length - 1 : smaller;
  }
}
