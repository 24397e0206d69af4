import type { Doubts } from './doubts';
import { Motion } from './motion';
import { spans, type Level, type Listener, type Playback, type Range } from './playback';
import type { Start } from './hls-player';
import type { Stalls } from './stalls';

/** Apple's knows which date its time 0 is. */
type AppleVideo = HTMLVideoElement & { getStartDate?: () => Date };

/** Nearer to the newest picture than this, a jump to it would only be seen as a jump. */
const NEAR_S = 4;

/** An address that the browser plays by itself: HLS on Apple's, an MP4 on every one. */
export class NativePlayer implements Playback {
  readonly levels: Level[] = [];
  level: number | null = null;
  readonly shown = null;
  private dead = false;
  private readonly motion: Motion;

  constructor(
    private readonly video: HTMLVideoElement,
    url: string,
    start: Start,
    private readonly stalls: Stalls,
    listener: Listener,
    doubts: Doubts,
  ) {
    this.motion = new Motion(video, stalls, listener);
    let came = false;
    this.motion.on('loadedmetadata', () => {
      came = true;
      doubts.forget();
      const end = this.range?.end;
      if (start.at === 'behind' && end !== undefined) this.seek(end - start.seconds);
      // What still grows would begin at its end otherwise.
      if (start.at === 'time' && this.live) this.seek(start.seconds);
    });
    this.motion.on('error', () => {
      if (this.dead) return;
      const code = video.error?.code;
      const lost = code === MediaError.MEDIA_ERR_NETWORK || code === MediaError.MEDIA_ERR_ABORTED;
      // Before anything came it means 404, 403, 503 and no network too: the server is asked which.
      const unknown = code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED && !came;
      if (lost || (unknown && doubts.again())) listener.broken();
      else listener.undecodable();
    });
    // The place to begin is part of the address, so that nothing before it is loaded.
    video.src = start.at === 'time' && start.seconds > 0 ? `${url}#t=${start.seconds}` : url;
    void this.play();
  }

  get behind(): number | null {
    const range = this.live ? this.range : null;
    return range && Math.max(0, range.end - range.position);
  }

  get range(): Range | null {
    const { seekable, currentTime: position } = this.video;
    if (seekable.length === 0) return null;
    const buffered = spans(this.video.buffered);
    return { start: seekable.start(0), end: seekable.end(seekable.length - 1), position, buffered };
  }

  date(time: number): number | null {
    const zero = (this.video as AppleVideo).getStartDate?.().getTime() ?? NaN;
    return Number.isNaN(zero) ? null : zero + time * 1_000;
  }

  play(): Promise<void> {
    return this.motion.play();
  }

  catchUp(): void {
    this.stalls.forget();
    const range = this.live ? this.range : null;
    if (range && range.end - range.position > NEAR_S) this.video.currentTime = range.end;
  }

  seek(to: number): void {
    const range = this.range;
    this.stalls.forget();
    this.video.currentTime = range ? Math.min(Math.max(to, range.start), range.end) : to;
  }

  destroy(): void {
    if (this.dead) return;
    this.dead = true;
    this.motion.destroy();
    this.video.removeAttribute('src');
    // Without this the browser goes on loading what it has begun.
    this.video.load();
  }

  private get live(): boolean {
    return this.video.duration === Infinity;
  }
}
