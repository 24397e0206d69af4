import type { Span } from './chase';

/** What a player tells the page around it. */
export interface Listener {
  /** Pictures move. */
  playing(): void;
  /** Pictures stand still although they should not. */
  stalled(): void;
  /** The browser wants a tap first. */
  blocked(): void;
  /** It stands because it was told to: by a button, a headset, the small window, a phone call. */
  paused(): void;
  /** The connection is over, for whatever reason: the server knows why. */
  broken(): void;
  /** The bytes arrive and this browser cannot decode them. */
  undecodable(): void;
  /** The last picture was shown, and there is none after it. */
  finished(): void;
}

/** What can be sought in, in seconds of the video element's own clock. */
export interface Range {
  start: number;
  /** Of a show that is on: where a viewer who wants no delay is. */
  end: number;
  position: number;
  buffered: Span[];
}

/** One quality of several. */
export interface Level {
  /** The shorter side of the picture, which is what people call a quality: 720 of a wide one and of a tall one. */
  lines: number | null;
  kbps: number | null;
}

/** Something that plays one address in the page's video element. */
export interface Playback {
  /** How far behind the newest picture, in seconds; null for a show that is over. */
  readonly behind: number | null;
  /** Null when only the newest picture can be had, and while nothing is known yet. */
  readonly range: Range | null;
  /** When a time of the range was, in milliseconds since 1970 by the server's clock; null when that is not known. */
  date(time: number): number | null;
  /** Best first; empty when there is nothing to choose. */
  readonly levels: Level[];
  /** The chosen one of `levels`; null lets the player choose. */
  level: number | null;
  /** Which of `levels` is seen now; null while that is not known. */
  readonly shown: number | null;
  /** Plays, from a tap of the viewer's or by itself. */
  play(): Promise<void>;
  /** Goes to the newest picture at once: the page was in the background, or paused. */
  catchUp(): void;
  seek(to: number): void;
  destroy(): void;
}

/** The spans that a video element has. */
export function spans(ranges: TimeRanges): Span[] {
  return Array.from({ length: ranges.length }, (_, i) => [ranges.start(i), ranges.end(i)]);
}
