import { backoff } from './backoff';
import { browser } from './browser';
import { decideReplay, replayWays, type ReplayState } from './decide-replay';
import { Doubts } from './doubts';
import { HlsPlayer } from './hls-player';
import { NativePlayer } from './native-player';
import type { Listener, Playback } from './playback';
import { Quality } from './quality';
import { askReplay, type Show } from './replay-api';
import type { Replay } from './route';
import { Stalls } from './stalls';
import { inside, type Timeline } from './timeline';

/** How often a show that is still being recorded is asked about. */
const GROWS_MS = 10_000;
/** A connection that held this long was good: the next failure begins counting anew. */
const GOOD_MS = 10_000;

/** A show that was recorded: asks what it is, and plays it when the viewer wants it. */
export class ReplayRoom {
  state: ReplayState = { is: 'loading' };
  show: Show | null = null;
  private readonly browser = browser();
  private readonly quality = new Quality();
  private readonly doubts = new Doubts();
  private player: Playback | null = null;
  /** How many of the ways to play it were tried and cannot be decoded. */
  private failed = 0;
  /** Where the next player begins, in seconds. */
  private at: number;
  private attempt = 0;
  private timer = 0;
  private goodTimer = 0;
  /** Answers to earlier questions than the last are dropped. */
  private question = 0;

  constructor(
    private readonly replay: Replay,
    private readonly asked: string | null,
    private readonly video: HTMLVideoElement,
    private readonly changed: () => void,
  ) {
    this.at = replay.at;
    window.addEventListener('online', () => this.state.is === 'reconnecting' && this.reload());
    void this.ask(false);
  }

  get playback(): Playback | null {
    return this.player;
  }

  /** The whole show, before anything of it has been loaded too. */
  get timeline(): Timeline | null {
    if (!this.show) return null;
    const range = this.player?.range;
    const end = this.show.duration_ms / 1_000;
    // Before its first picture the player stands at the beginning, wherever it is to begin.
    const position = range && this.state.is !== 'connecting' ? range.position : this.at;
    if (range) return { ...range, position, live: false };
    return { start: 0, end, position, buffered: [], live: false };
  }

  /** Whether it stands and the viewer can start it. */
  get resting(): boolean {
    return ['ready', 'paused', 'ended', 'blocked'].includes(this.state.is);
  }

  toggle(): void {
    // The element knows first: its events, and with them the state, come later than a second key.
    if (this.resting || this.video.paused) this.play();
    else this.video.pause();
  }

  play(): void {
    if (!this.player) return this.connect();
    if (this.state.is === 'ended') this.player.seek(this.timeline?.start ?? 0);
    void this.player.play();
  }

  /** Goes to a time, and plays from there unless the viewer had stopped it. */
  seek(to: number): void {
    const line = this.timeline;
    if (!line) return;
    const time = inside(line, to);
    this.at = time;
    if (!this.player) return this.connect();
    this.player.seek(time);
    if (this.state.is === 'ended') void this.player.play();
    this.changed();
  }

  skip(seconds: number): void {
    const line = this.timeline;
    if (line) this.seek(line.position + seconds);
  }

  /** Begins again where it was. */
  reload(): void {
    this.attempt = 0;
    this.failed = 0;
    this.drop();
    this.set({ is: 'loading' });
    void this.ask(this.at > this.replay.at);
  }

  private async ask(goOn: boolean): Promise<void> {
    clearTimeout(this.timer);
    const mine = ++this.question;
    const answer = await askReplay(this.replay);
    if (mine !== this.question) return;
    if (answer.kind === 'show') this.show = answer.show;
    if (this.show?.recording) this.askIn(GROWS_MS);
    if (this.player || (answer.kind === 'show' && this.state.is === 'ready')) return this.changed();
    const { state, then } = decideReplay(answer);
    this.set(state);
    if (then === 'ready' && goOn) this.connect();
    else if (then === 'retry') this.askIn(backoff(this.attempt++, Math.random()), goOn);
  }

  private connect(): void {
    if (!this.show) return;
    const ways = replayWays(this.show, this.browser, this.asked);
    const way = ways[this.failed];
    if (!way) return this.set({ is: 'unsupported', codec: this.show.video?.codec ?? null });
    this.set({ is: 'connecting' });
    const start = { at: 'time', seconds: this.at } as const;
    const { video, quality } = this;
    const [stalls, listener] = [new Stalls(), this.listener()];
    this.player =
      way.way === 'hls'
        ? new HlsPlayer(video, way.url, start, stalls, listener, quality)
        : new NativePlayer(video, way.url, start, stalls, listener, this.doubts);
  }

  private listener(): Listener {
    return {
      playing: () => {
        clearTimeout(this.goodTimer);
        this.goodTimer = window.setTimeout(() => (this.attempt = 0), GOOD_MS);
        this.set({ is: 'playing' });
      },
      stalled: () => this.set({ is: 'stalled' }),
      blocked: () => this.set({ is: 'blocked' }),
      paused: () => this.set({ is: 'paused' }),
      finished: () => this.set({ is: 'ended' }),
      broken: () => {
        this.drop();
        this.set({ is: 'reconnecting', refusal: null });
        this.askIn(backoff(this.attempt++, Math.random()), true);
      },
      undecodable: () => {
        this.drop();
        this.failed++;
        this.connect();
      },
    };
  }

  private askIn(ms: number, goOn = false): void {
    clearTimeout(this.timer);
    // What is under way is overtaken.
    this.question++;
    this.timer = window.setTimeout(() => void this.ask(goOn), ms);
  }

  private drop(): void {
    clearTimeout(this.goodTimer);
    const position = this.player?.range?.position;
    if (position) this.at = position;
    this.player?.destroy();
    this.player = null;
  }

  private set(state: ReplayState): void {
    this.state = state;
    this.changed();
  }
}
