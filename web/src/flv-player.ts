import type Mpegts from 'mpegts.js';
import { chase, newest } from './chase';
import { Motion } from './motion';
import { spans, type Level, type Listener, type Playback } from './playback';
import type { Stalls } from './stalls';

/** How long a connection may bring nothing. */
const SILENCE_MS = 12_000;
const TICK_MS = 500;

/** One connection to one stream as FLV, shown in the page's video element, kept close to the newest picture. */
export class FlvPlayer implements Playback {
  behind: number | null = null;
  readonly range = null;
  readonly levels: Level[] = [];
  level: number | null = null;
  readonly shown = null;
  private player: Mpegts.Player | null = null;
  private dead = false;
  private lastEnd = 0;
  private lastArrival = performance.now();
  private readonly motion: Motion;
  private readonly timer: number;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly url: string,
    private readonly stalls: Stalls,
    private readonly listener: Listener,
  ) {
    this.motion = new Motion(video, stalls, listener);
    this.motion.on('timeupdate', () => this.tick());
    // Arrives in the background too, where timers are slowed down.
    this.motion.on('progress', () => this.tick());
    this.timer = window.setInterval(() => this.tick(), TICK_MS);
    void this.open();
  }

  play(): Promise<void> {
    return this.motion.play();
  }

  date(): null {
    return null;
  }

  catchUp(): void {
    this.stalls.forget();
    const there = newest(this.video.currentTime, spans(this.video.buffered));
    if (there !== null) this.video.currentTime = there;
  }

  /** There is nothing to seek in: what is past is not kept. */
  seek(): void {}

  destroy(): void {
    if (this.dead) return;
    this.dead = true;
    clearInterval(this.timer);
    this.motion.destroy();
    this.video.playbackRate = 1;
    try {
      this.player?.destroy();
    } catch {
      // It throws when it is taken down in the middle of an error of its own; it is gone all the same.
    }
    this.player = null;
  }

  private async open(): Promise<void> {
    let mpegts: typeof Mpegts;
    try {
      mpegts = (await import('mpegts.js')).default;
    } catch {
      if (!this.dead) this.listener.broken();
      return;
    }
    if (this.dead) return;
    // Its log lines contain the address, and with it the signature.
    mpegts.LoggingControl.enableAll = false;
    const source = { type: 'flv', isLive: true, cors: true, url: this.url };
    const player = mpegts.createPlayer(source, {
      // Waiting for a fuller block would only add delay: the server sends whole frames.
      enableStashBuffer: false,
      lazyLoad: false,
      deferLoadAfterSourceOpen: false,
      autoCleanupSourceBuffer: true,
      autoCleanupMaxBackwardDuration: 30,
      autoCleanupMinBackwardDuration: 10,
    });
    this.player = player;
    // It is told of its faults from the middle of its own work, and must have returned before it is taken down.
    const later = (act: () => void) => setTimeout(() => !this.dead && act(), 0);
    player.on(mpegts.Events.ERROR, (_kind: string, detail: string, info: { code?: number } | undefined) => {
      const codec = detail === mpegts.ErrorDetails.MEDIA_CODEC_UNSUPPORTED;
      const refused =
        detail === mpegts.ErrorDetails.MEDIA_MSE_ERROR && info?.code === DOMException.NOT_SUPPORTED_ERR;
      later(() => (codec || refused ? this.listener.undecodable() : this.listener.broken()));
    });
    player.on(mpegts.Events.LOADING_COMPLETE, () => later(() => this.listener.broken()));
    try {
      player.attachMediaElement(this.video);
      player.load();
    } catch {
      this.listener.broken();
      return;
    }
    void this.play();
  }

  private tick(): void {
    if (this.dead) return;
    const video = this.video;
    const buffered = spans(video.buffered);
    const now = performance.now();
    const end = buffered[buffered.length - 1]?.[1] ?? 0;
    if (end !== this.lastEnd) {
      this.lastEnd = end;
      this.lastArrival = now;
    }
    const plan = chase(video.currentTime, video.playbackRate, buffered);
    this.behind = plan.behind;
    if (video.playbackRate !== plan.rate) video.playbackRate = plan.rate;
    if (plan.seek !== null && !video.seeking) video.currentTime = plan.seek;
    // Also the end of a connection that a changed network left hanging: nobody closes that.
    if (now - this.lastArrival > SILENCE_MS) this.listener.broken();
  }
}
