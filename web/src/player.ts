import type Mpegts from 'mpegts.js';
import { chase, newest, type Span } from './chase';
import { Stalls } from './stalls';

/** What the player tells the room. */
export interface Listener {
  /** Pictures move. */
  playing(): void;
  /** Pictures stand still although they should not. */
  stalled(): void;
  /** The browser wants a tap first. */
  blocked(): void;
  /** Something other than the page paused it: a headset, the small window, a phone call. */
  paused(): void;
  /** The connection is over, for whatever reason: the server knows why. */
  broken(): void;
  /** The bytes arrive and this browser cannot decode them. */
  undecodable(): void;
}

/** How long a connection may bring nothing. */
const SILENCE_MS = 12_000;
const TICK_MS = 500;

/** One connection to one stream, shown in the page's video element, kept close to the newest picture. */
export class Player {
  /** How far behind the newest picture, in seconds. */
  behind: number | null = null;
  private player: Mpegts.Player | null = null;
  private dead = false;
  private moved = false;
  private lastEnd = 0;
  private lastArrival = performance.now();
  private readonly timer: number;
  private readonly off: (() => void)[] = [];

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly url: string,
    private readonly stalls: Stalls,
    private readonly listener: Listener,
  ) {
    this.on('playing', () => this.goes());
    this.on('waiting', () => this.stands());
    this.on('timeupdate', () => this.tick());
    // Arrives in the background too, where timers are slowed down.
    this.on('progress', () => this.tick());
    this.on('pause', () => this.rests());
    this.timer = window.setInterval(() => this.tick(), TICK_MS);
    void this.open();
  }

  /** Plays, from a tap of the viewer's or by itself. */
  async play(): Promise<void> {
    try {
      await this.video.play();
    } catch (error) {
      const refused = error instanceof DOMException && error.name === 'NotAllowedError';
      if (this.dead || !refused) return;
      // With sound it is not allowed, and without it may be.
      if (!this.video.muted) {
        this.video.muted = true;
        return this.play();
      }
      this.listener.blocked();
    }
  }

  /** Goes to the newest picture at once: the page was in the background, or paused. */
  catchUp(): void {
    this.stalls.forget();
    const there = newest(this.video.currentTime, this.spans());
    if (there !== null) this.video.currentTime = there;
  }

  destroy(): void {
    if (this.dead) return;
    this.dead = true;
    clearInterval(this.timer);
    this.off.forEach((remove) => remove());
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
    const spans: Span[] = [];
    for (let i = 0; i < video.buffered.length; i++)
      spans.push([video.buffered.start(i), video.buffered.end(i)]);
    const now = performance.now();
    const end = spans[spans.length - 1]?.[1] ?? 0;
    if (end !== this.lastEnd) {
      this.lastEnd = end;
      this.lastArrival = now;
    }
    const plan = chase(video.currentTime, video.playbackRate, spans);
    this.behind = plan.behind;
    if (video.playbackRate !== plan.rate) video.playbackRate = plan.rate;
    if (plan.seek !== null && !video.seeking) video.currentTime = plan.seek;
    // Also the end of a connection that a changed network left hanging: nobody closes that.
    if (now - this.lastArrival > SILENCE_MS) this.listener.broken();
  }

  private spans(): Span[] {
    const buffered = this.video.buffered;
    return Array.from({ length: buffered.length }, (_, i) => [buffered.start(i), buffered.end(i)]);
  }

  private goes(): void {
    this.moved = true;
    this.stalls.end(performance.now());
    this.listener.playing();
  }

  private stands(): void {
    // Until the first picture it is not a stall but a start, and a jump waits for its own good.
    if (!this.moved || this.video.seeking || this.video.paused) return;
    this.stalls.begin(performance.now());
    this.listener.stalled();
  }

  private rests(): void {
    if (this.dead || !this.moved || this.video.ended) return;
    this.stalls.forget();
    this.listener.paused();
  }

  private on(event: string, act: () => void): void {
    this.video.addEventListener(event, act);
    this.off.push(() => this.video.removeEventListener(event, act));
  }
}
