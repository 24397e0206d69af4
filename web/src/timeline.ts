import type { Span } from './chase';

/** What a seek bar shows, in seconds of any one clock. */
export interface Timeline {
  start: number;
  end: number;
  position: number;
  buffered: readonly Span[];
  /** The end is now: a show that is on. */
  live: boolean;
}

/** A window shorter than this is not worth a bar. */
const SHORTEST_S = 10;
/** Nearer to the end than this is live: nobody aims so well, and every player is a little behind. */
const EDGE_S = 3;
const STEP_S = 5;
const PAGE_S = 30;

/** Whether there is enough to seek in. */
export function worthIt(line: Timeline): boolean {
  return line.end - line.start >= (line.live ? SHORTEST_S : 0.5);
}

/** Whether `time` is as good as the newest picture. */
export function atLive(line: Timeline, time: number): boolean {
  return line.live && line.end - time <= EDGE_S;
}

/** Where on the bar a time is, from 0 to 1. */
export function fraction(line: Timeline, time: number): number {
  const length = line.end - line.start;
  return length > 0 ? Math.min(1, Math.max(0, (time - line.start) / length)) : 0;
}

/** The time at a place on the bar. */
export function timeAt(line: Timeline, place: number): number {
  return line.start + Math.min(1, Math.max(0, place)) * (line.end - line.start);
}

/** `time`, moved inside. */
export function inside(line: Timeline, time: number): number {
  return Math.min(line.end, Math.max(line.start, time));
}

/** Where a key on the focused bar leads; null for a key that means nothing to it. */
export function keyed(line: Timeline, key: string): number | null {
  const by = (seconds: number) => inside(line, line.position + seconds);
  switch (key) {
    case 'ArrowLeft':
    case 'ArrowDown':
      return by(-STEP_S);
    case 'ArrowRight':
    case 'ArrowUp':
      return by(STEP_S);
    case 'PageDown':
      return by(-PAGE_S);
    case 'PageUp':
      return by(PAGE_S);
    case 'Home':
      return line.start;
    case 'End':
      return line.end;
    default:
      return null;
  }
}

/** The spans that are loaded, as places from 0 to 1; those outside are left out. */
export function loaded(line: Timeline): Span[] {
  return line.buffered
    .filter(([from, to]) => to > line.start && from < line.end)
    .map(([from, to]) => [fraction(line, from), fraction(line, to)] as const);
}
