import { addresses, type Protocol } from './address';
import { askRoom, type Answer, type Live } from './api';
import { backoff, waiting } from './backoff';
import { decide, type State } from './decide';
import { decodes } from './media-source';
import { Player } from './player';
import type { Room } from './route';
import { Stalls } from './stalls';

/** How often the figures are asked for while it plays. */
const FIGURES_MS = 5_000;
/** How soon after the first picture. */
const OWN_VIEW_MS = 800;
/** A connection that held this long was good: the next failure begins counting anew. */
const GOOD_MS = 10_000;
/** After a stall of this length the server is asked what is the matter. */
const ASK_AFTER_STALL_MS = 1_500;
/** A muted page that nobody looks at stops loading after this time. It costs the host's money. */
const UNSEEN_MS = 20_000;

/** A live room: keeps asking the server, and keeps the player playing whenever there is something to play. */
export class LiveRoom {
  state: State = { is: 'loading' };
  live: Live | null = null;
  protocol: Protocol = 'http';
  readonly stalls = new Stalls();
  private player: Player | null = null;
  private seen = false;
  private attempt = 0;
  private timer = 0;
  private goodTimer = 0;
  private unseenTimer = 0;
  /** Answers to earlier questions than the last are dropped. */
  private question = 0;

  constructor(
    readonly room: Room,
    private readonly video: HTMLVideoElement,
    private readonly changed: () => void,
  ) {
    document.addEventListener('visibilitychange', () => this.visibility());
    window.addEventListener('online', () => this.player || this.reload());
    window.addEventListener('pagehide', () => this.close());
    // From the back-forward cache the page comes as it was left: closed.
    window.addEventListener('pageshow', (event) => event.persisted && this.reload());
    void this.ask();
  }

  /** Seconds behind the newest picture. */
  get behind(): number | null {
    return this.player?.behind ?? null;
  }

  /** Begins again at once, as the viewer asked. */
  reload(): void {
    this.close();
    this.attempt = 0;
    this.set({ is: 'connecting' });
    void this.ask();
  }

  /** Plays over another protocol. */
  use(protocol: Protocol): void {
    if (protocol === this.protocol) return;
    this.protocol = protocol;
    this.reload();
  }

  /** Plays after a tap. */
  play(): void {
    if (!this.player) return this.reload();
    this.player.catchUp();
    void this.player.play();
  }

  private async ask(): Promise<void> {
    clearTimeout(this.timer);
    const mine = ++this.question;
    const answer = await askRoom(this.room);
    if (mine !== this.question) return;
    if (answer.kind === 'live') this.live = answer.live;
    if (this.player) this.watch(answer);
    else this.act(answer);
    this.changed();
  }

  /** While it plays, an answer changes figures only; the connection itself tells when it is over. */
  private watch(answer: Answer): void {
    const still = this.state.is === 'stalled' || this.state.is === 'away';
    if (still && answer.kind === 'live') this.set({ is: answer.live.on_air ? 'stalled' : 'away' });
    this.askIn(still ? waiting(Math.random()) : FIGURES_MS);
  }

  private act(answer: Answer): void {
    const decision = decide(answer, this.seen, decodes);
    if (answer.kind === 'absent' && this.live) this.live = { ...this.live, on_air: false, viewers: 0 };
    if (decision.then === 'poll' || decision.then === 'stop') this.stalls.forget();
    this.set(decision.state);
    if (decision.then === 'play') this.connect();
    else if (decision.then === 'poll') this.askIn(waiting(Math.random()));
    else if (decision.then === 'retry') this.askIn(backoff(this.attempt++, Math.random()));
  }

  private connect(): void {
    const all = addresses(location, this.room, null);
    this.player = new Player(this.video, all[this.protocol], this.stalls, {
      playing: () => {
        // The figures from before do not count this viewer.
        if (this.state.is === 'connecting') this.askIn(OWN_VIEW_MS);
        this.seen = true;
        clearTimeout(this.goodTimer);
        this.goodTimer = window.setTimeout(() => (this.attempt = 0), GOOD_MS);
        this.set({ is: 'playing' });
      },
      stalled: () => {
        this.set({ is: 'stalled' });
        this.askIn(ASK_AFTER_STALL_MS);
      },
      blocked: () => this.set({ is: 'blocked' }),
      paused: () => this.set({ is: 'paused' }),
      broken: () => {
        this.drop();
        // For the viewer it is one stall, from the last picture before to the first one after.
        if (this.seen) this.stalls.begin(performance.now());
        const wait = backoff(this.attempt++, Math.random());
        this.set(this.seen ? { is: 'reconnecting', refusal: null } : { is: 'connecting' });
        this.askIn(wait);
      },
      undecodable: () => {
        // Asking again would end here again: what the server says of the codec was not enough to know.
        this.close();
        this.set({ is: 'unsupported', codec: null });
      },
    });
    this.askIn(FIGURES_MS);
  }

  private visibility(): void {
    clearTimeout(this.unseenTimer);
    if (document.visibilityState === 'visible') {
      if (this.player) this.player.catchUp();
      // A refusal and a missing decoder do not go away by themselves.
      if (this.state.is !== 'refused') void this.ask();
      return;
    }
    const stop = () => {
      const heard = !this.video.muted || document.pictureInPictureElement === this.video;
      if (this.player && !heard) {
        this.close();
        this.set({ is: 'connecting' });
      }
    };
    this.unseenTimer = window.setTimeout(stop, UNSEEN_MS);
  }

  private askIn(ms: number): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.ask(), ms);
  }

  private drop(): void {
    clearTimeout(this.goodTimer);
    this.player?.destroy();
    this.player = null;
  }

  private close(): void {
    clearTimeout(this.timer);
    this.question++;
    this.stalls.forget();
    this.drop();
  }

  private set(state: State): void {
    this.state = state;
    this.changed();
  }
}
