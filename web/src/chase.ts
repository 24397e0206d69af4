/** Farther behind than this, the picture plays a little faster. */
const NUDGE_S = 2.5;
/** Until it is only this far behind. */
const CONTENT_S = 1.4;
/** Farther behind than this, it jumps: nudging would take a minute. */
const JUMP_S = 6;
/** A jump ends this far behind the newest picture: less would stall at the next hiccup of the network. */
const LANDING_S = 1.2;

/** A buffered span in seconds. */
export type Span = readonly [start: number, end: number];

/** What to do about the delay now. */
export interface Chase {
  /** Where to jump to. */
  seek: number | null;
  rate: number;
  /** How far the picture is behind the newest one that has arrived; null before anything has. */
  behind: number | null;
}

/** Decides from the position, the rate that is set, and what is buffered. */
export function chase(position: number, rate: number, spans: readonly Span[]): Chase {
  const last = spans[spans.length - 1];
  if (!last) return { seek: null, rate: 1, behind: null };
  const [start, end] = last;
  const inside = spans.some(([from, to]) => position >= from - 0.05 && position < to);
  const behind = Math.max(0, end - position);
  // Playback starts at 0, and the timestamps of a host who has been live for an hour, or who came back with a new
  // clock, do not: nothing would ever play there.
  if (!inside && (position < start || position > end + 1)) {
    return { seek: Math.max(start, end - LANDING_S), rate: 1, behind };
  }
  if (behind > JUMP_S) return { seek: Math.max(start, end - LANDING_S), rate: 1, behind };
  if (behind > NUDGE_S) return { seek: null, rate: behind > 4 ? 1.2 : 1.1, behind };
  const hurrying = rate > 1 && behind > CONTENT_S;
  return { seek: null, rate: hurrying ? 1.1 : 1, behind };
}

/** Where to jump to for the newest picture now; null when it is close already. */
export function newest(position: number, spans: readonly Span[]): number | null {
  const last = spans[spans.length - 1];
  if (!last || last[1] - position <= CONTENT_S) return null;
  return Math.max(last[0], last[1] - LANDING_S);
}
