import type { Listener } from './playback';
import type { Stalls } from './stalls';

/** What the video element says about itself, in the words of a [Listener]; the same for every way to play. */
export class Motion {
  private dead = false;
  private moved = false;
  private readonly off: (() => void)[] = [];

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly stalls: Stalls,
    private readonly listener: Listener,
  ) {
    this.on('playing', () => this.goes());
    this.on('waiting', () => this.stands());
    this.on('pause', () => this.rests());
    this.on('ended', () => this.listener.finished());
  }

  /** Plays; without sound when that alone is allowed. */
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

  /** Calls `act` at each `event` of the element until the end. */
  on(event: string, act: () => void): void {
    this.video.addEventListener(event, act);
    this.off.push(() => this.video.removeEventListener(event, act));
  }

  destroy(): void {
    this.dead = true;
    this.off.forEach((remove) => remove());
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
    // The end is a pause to the element, and `ended` says more.
    if (!this.moved || this.video.ended) return;
    this.stalls.forget();
    this.listener.paused();
  }
}
