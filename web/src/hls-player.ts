import type Hls from 'hls.js';
import type { ErrorData, LevelDetails } from 'hls.js';
import type { Span } from './chase';
import { Motion } from './motion';
import { spans, type Level, type Listener, type Playback, type Range } from './playback';
import type { Quality } from './quality';
import type { Stalls } from './stalls';

/** How much that was shown stays in memory, for a short way back without the network. */
const BEHIND_S = 60;
/** The oldest segment of a live window goes while one looks at it, so a jump keeps off it. */
const MARGIN_S = 2;
/** A small delay is played away at this rate, which nobody hears. */
const HURRY = 1.1;
const TICK_MS = 500;
/** Looks in a row that find it too far behind before it jumps: after a jump it takes a moment to load. */
const LATE_LOOKS = 4;
/** A decoder that went on for this long after it stumbled may stumble again. */
const GOOD_MS = 10_000;

/** Where to begin. */
export type Start =
  | { at: 'live' }
  /** So many seconds before the newest picture. */
  | { at: 'behind'; seconds: number }
  /** At a time of a show that is over. */
  | { at: 'time'; seconds: number };

/** HLS through Media Source Extensions. */
export class HlsPlayer implements Playback {
  private hls: Hls | null = null;
  private dead = false;
  private recoveredAt = -Infinity;
  /** Whether it is to be at the newest picture. */
  private following: boolean;
  private late = 0;
  private readonly timer: number;
  private readonly motion: Motion;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly url: string,
    private readonly start: Start,
    private readonly stalls: Stalls,
    private readonly listener: Listener,
    private readonly quality: Quality,
  ) {
    this.motion = new Motion(video, stalls, listener);
    this.following = start.at === 'live';
    this.timer = window.setInterval(() => this.follow(), TICK_MS);
    void this.open();
  }

  get behind(): number | null {
    return this.details?.live && this.start.at !== 'time' ? (this.hls?.latency ?? null) : null;
  }

  get range(): Range | null {
    const details = this.details;
    if (!details) return null;
    const { currentTime: position } = this.video;
    const buffered: Span[] = spans(this.video.buffered);
    // All of a recording stays, also while it grows.
    if (!details.live || this.start.at === 'time')
      return { start: details.fragmentStart, end: details.edge, position, buffered };
    const end = details.edge + Math.min(details.age, details.targetduration) - this.distance(details);
    return { start: Math.min(details.fragmentStart + MARGIN_S, end), end, position, buffered };
  }

  date(time: number): number | null {
    const fragments = this.details?.fragments ?? [];
    const fragment = fragments.filter((one) => one.start <= time).pop() ?? fragments[0];
    if (!fragment?.programDateTime) return null;
    return fragment.programDateTime + (time - fragment.start) * 1_000;
  }

  get levels(): Level[] {
    const levels = this.hls?.levels ?? [];
    if (levels.length < 2) return [];
    const level = ({ width, height, bitrate }: (typeof levels)[number]): Level => ({
      lines: Math.min(width, height) || null,
      kbps: bitrate / 1_000 || null,
    });
    return levels.map(level).reverse();
  }

  get level(): number | null {
    return this.turned(this.hls?.manualLevel ?? -1);
  }

  set level(chosen: number | null) {
    this.quality.wanted = chosen === null ? null : (this.levels[chosen] ?? null);
    // From the next segment on; what is loaded of it already is thrown away.
    if (this.hls) this.hls.nextLevel = this.turned(chosen ?? -1) ?? -1;
  }

  get shown(): number | null {
    return this.turned(this.hls?.currentLevel ?? -1);
  }

  play(): Promise<void> {
    // While it stood, the window may have gone on without it.
    const range = this.range;
    if (range && range.position < range.start) this.seek(range.start);
    return this.motion.play();
  }

  catchUp(): void {
    this.following = this.start.at !== 'time';
    this.stalls.forget();
    const there = this.hls?.liveSyncPosition;
    if (this.details?.live && there && there > this.video.currentTime) this.video.currentTime = there;
  }

  seek(to: number): void {
    this.following = false;
    this.stalls.forget();
    this.video.currentTime = to;
  }

  destroy(): void {
    if (this.dead) return;
    this.dead = true;
    clearInterval(this.timer);
    this.motion.destroy();
    // It may be in the middle of playing a delay away; the rate of a recorded show is the viewer's.
    if (this.start.at !== 'time') this.video.playbackRate = 1;
    this.hls?.destroy();
    this.hls = null;
  }

  private get details(): LevelDetails | null {
    return this.hls?.latestLevelDetails ?? null;
  }

  private async open(): Promise<void> {
    let library: typeof import('hls.js');
    try {
      library = await import('hls.js/light');
    } catch {
      if (!this.dead) this.listener.broken();
      return;
    }
    if (this.dead) return;
    const { default: Library, Events } = library;
    const hls = new Library({
      backBufferLength: BEHIND_S,
      // A recording that still grows is not live: it is played from where the viewer is, as fast as the viewer likes.
      maxLiveSyncPlaybackRate: this.start.at === 'time' ? 1 : HURRY,
      liveDurationInfinity: true,
      startPosition: this.start.at === 'time' ? this.start.seconds : -1,
    });
    this.hls = hls;
    if (this.start.at === 'behind') {
      // To begin in the past is to begin with a large delay, which is taken back as soon as that has begun.
      hls.targetLatency = this.start.seconds;
      hls.once(Events.FRAG_BUFFERED, () => {
        const details = this.details;
        if (details) hls.targetLatency = this.distance(details);
      });
    }
    hls.on(Events.ERROR, (_, fault) => this.fail(library, fault));
    // Before anything of it is loaded.
    hls.once(Events.MANIFEST_PARSED, () => {
      const chosen = this.quality.among(this.levels);
      if (chosen !== null) hls.loadLevel = this.turned(chosen) ?? -1;
    });
    hls.attachMedia(this.video);
    hls.loadSource(this.url);
    void this.play();
  }

  /** A number of `levels`, which begin with the best, as the library's, which begin with the lowest; and the other way. */
  private turned(level: number): number | null {
    const last = (this.hls?.levels.length ?? 0) - 1;
    return level < 0 || level > last ? null : last - level;
  }

  /** How far from the edge a viewer who wants no delay is, by the server's advice. */
  private distance({ partHoldBack, holdBack, targetduration }: LevelDetails): number {
    return partHoldBack || holdBack || 3 * targetduration;
  }

  /** A delay that is more than a segment is not played away by the library: after a long stall it would stay. */
  private follow(): void {
    const { behind, details, video } = this;
    const goes = this.following && !video.paused && !video.seeking;
    const lost =
      goes && details && behind !== null && behind > this.distance(details) + details.targetduration;
    this.late = lost ? this.late + 1 : 0;
    if (this.late < LATE_LOOKS) return;
    this.late = 0;
    this.catchUp();
  }

  private fail({ ErrorDetails, ErrorTypes }: typeof import('hls.js'), fault: ErrorData): void {
    if (this.dead || !fault.fatal) return;
    const codec: string[] = [
      ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR,
      ErrorDetails.BUFFER_ADD_CODEC_ERROR,
      ErrorDetails.BUFFER_INCOMPATIBLE_CODECS_ERROR,
    ];
    const undecodable = codec.includes(fault.details);
    // A decoder that stumbled over one picture goes on after the next key frame.
    const now = performance.now();
    const again = fault.type === ErrorTypes.MEDIA_ERROR && !undecodable && now - this.recoveredAt >= GOOD_MS;
    this.recoveredAt = now;
    if (again) this.hls?.recoverMediaError();
    // It is told of its faults from the middle of its own work, and must have returned before it is taken down.
    else
      setTimeout(() => {
        if (this.dead) return;
        if (undecodable) this.listener.undecodable();
        else this.listener.broken();
      }, 0);
  }
}
