import { addresses } from './address';
import { askRoom, type Answer, type Live } from './api';
import { backoff, waiting } from './backoff';
import { browser } from './browser';
import { choose, hlsWay, type Choice, type Line, type Way } from './choose';
import { decide, type State } from './decide';
import { Doubts } from './doubts';
import { FlvPlayer } from './flv-player';
import { HlsPlayer, type Start } from './hls-player';
import { NativePlayer } from './native-player';
import type { Listener, Playback } from './playback';
import { Quality } from './quality';
import type { Room } from './route';
import { Stalls } from './stalls';
import { atLive, type Timeline } from './timeline';

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

/** Where a connection begins: as players know it, or so many seconds into the recording of the show. */
type From = Start | { at: 'show'; seconds: number };

/** A live room: keeps asking the server, and keeps the player playing whenever there is something to play. */
export class LiveRoom {
  state: State = { is: 'loading' };
  live: Live | null = null;
  readonly stalls = new Stalls();
  private readonly quality = new Quality();
  private readonly doubts = new Doubts();
  private wanted: Line;
  private readonly native: boolean;
  private readonly browser = browser();
  private player: Playback | null = null;
  private way: Way | null = null;
  /** Where the next connection begins; before now while the viewer looks at what is past. */
  private start: From = { at: 'live' };
  private flvFailed = false;
  private seen = false;
  private attempt = 0;
  private timer = 0;
  private goodTimer = 0;
  private unseenTimer = 0;
  /** Answers to earlier questions than the last are dropped. */
  private question = 0;
  private answeredAt = 0;
  private ended = false;
  /** Takes the listeners of the page back. */
  private readonly off: (() => void)[] = [];

  /** `asked` is the player that the page's address asks for: `ws`, `hls`, or `native` for the browser's own HLS. */
  constructor(
    public room: Room,
    asked: string | null,
    private readonly video: HTMLVideoElement,
    private readonly changed: () => void,
  ) {
    this.native = asked === 'native';
    this.wanted = asked === 'ws' ? 'ws' : asked === 'hls' || this.native ? 'hls' : 'http';
    this.on(document, 'visibilitychange', () => this.visibility());
    this.on(window, 'online', () => this.player || this.reload());
    this.on(window, 'pagehide', () => this.close());
    // From the back-forward cache the page comes as it was left: closed.
    this.on(window, 'pageshow', (event) => (event as PageTransitionEvent).persisted && this.reload());
    void this.ask();
  }

  /** Seconds behind the newest picture. */
  get behind(): number | null {
    return this.player?.behind ?? null;
  }

  /** The protocol in use, or the one that will be. */
  get line(): Line {
    const forced = (this.way === 'hls' || this.way === 'native') && !this.rewound;
    return forced ? 'hls' : this.wanted;
  }

  /** Whether the viewer looks at what is past. */
  get rewound(): boolean {
    return this.start.at !== 'live';
  }

  /** Whether the show can be watched from its beginning. */
  get hasStart(): boolean {
    const { live } = this;
    return Boolean(live?.on_air && live.urls.from_start && hlsWay(this.browser, this.native));
  }

  /** Which second of the recording of this show a time of the timeline is, by the clock; null when there is none. */
  recordedAt(time: number): number | null {
    const { live, timeline, player } = this;
    if (!live?.recording || !timeline) return null;
    const date = player?.date(time);
    if (date) return (date - live.recording.started_ms) / 1_000;
    const age = live.recording.age_ms + performance.now() - this.answeredAt;
    return age / 1_000 - (timeline.end - time);
  }

  /** Whether it stands because the viewer wants it to. */
  get resting(): boolean {
    return this.state.is === 'paused' || this.state.is === 'blocked';
  }

  /** The player, while there is one. */
  get playback(): Playback | null {
    return this.player;
  }

  /** What can be rewound; null when nothing can. */
  get timeline(): Timeline | null {
    const range = this.player?.range;
    if (range) return { ...range, live: true };
    const { live, start } = this;
    if (!live?.urls.hls || !hlsWay(this.browser, this.native)) return null;
    // FLV itself keeps nothing; HLS of the same stream does, and is opened when it is wanted.
    const position = start.at === 'behind' ? -start.seconds : -(this.behind ?? 0);
    return { start: -(live.rewind_seconds ?? 0), end: 0, position, buffered: [], live: true };
  }

  /** Begins again at once, as the viewer asked. */
  reload(): void {
    this.close();
    this.start = { at: 'live' };
    this.flvFailed = false;
    this.attempt = 0;
    this.set({ is: 'connecting' });
    void this.ask();
  }

  /** Goes on with other signatures of the same stream. Who plays is left alone: they are for the next question and connection. */
  sign(room: Room): void {
    this.room = room;
    if (this.state.is === 'refused') this.reload();
  }

  /** Plays over another protocol. */
  use(line: Line): void {
    if (line === this.line) return;
    this.wanted = line;
    this.reload();
  }

  /** Plays after a tap. */
  play(): void {
    if (!this.player) return this.reload();
    if (!this.rewound) this.player.catchUp();
    void this.player.play();
  }

  pause(): void {
    this.video.pause();
  }

  /** Goes to a time of the timeline. */
  seek(to: number): void {
    const line = this.timeline;
    if (!line) return;
    if (atLive(line, to)) return this.toLive();
    const there = Math.max(to, line.start);
    this.start =
      this.start.at === 'show'
        ? { at: 'show', seconds: there - line.start }
        : { at: 'behind', seconds: line.end - there };
    if (!this.player?.range) return this.change();
    this.player.seek(to);
    void this.player.play();
    this.changed();
  }

  /** Goes to the beginning of the show: in its recording, else in what is kept of it. */
  restart(): void {
    const { timeline, live, start } = this;
    if (!live?.recording) return this.seek(timeline?.start ?? 0);
    if (start.at === 'show' && this.player?.range) return this.seek(this.player.range.start);
    this.start = { at: 'show', seconds: 0 };
    this.change();
  }

  /** Back to the newest picture, by the way that is best for it. */
  toLive(): void {
    const recorded = this.start.at === 'show';
    this.start = { at: 'live' };
    const choice = this.live && this.choose(this.live);
    if (recorded || (choice?.way && choice.way !== this.way)) return this.change();
    this.play();
    this.changed();
  }

  private choose(live: Live): Choice {
    const { flv, hls } = live.urls;
    const offer = { video: live.video, audio: live.audio, flv: Boolean(flv), hls: Boolean(hls) };
    const { wanted: line, rewound, flvFailed, native } = this;
    return choose(offer, { line, rewound, flvFailed, native }, this.browser);
  }

  /** Calls `act` at each `event` until the end. An AbortSignal would do it too, but not in Safari 14. */
  private on(target: EventTarget, event: string, act: (event: Event) => void): void {
    target.addEventListener(event, act);
    this.off.push(() => target.removeEventListener(event, act));
  }

  private async ask(): Promise<void> {
    clearTimeout(this.timer);
    if (this.ended) return;
    const mine = ++this.question;
    const answer = await askRoom(this.room);
    if (mine !== this.question) return;
    if (answer.kind === 'live') {
      this.live = answer.live;
      this.answeredAt = performance.now();
    }
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
    const decision = decide(answer, this.seen, (live) => this.choose(live));
    if (answer.kind === 'absent' && this.live) this.live = { ...this.live, on_air: false, viewers: 0 };
    if (decision.then === 'poll' || decision.then === 'stop') this.stalls.forget();
    this.set(decision.state);
    if (decision.then === 'play') this.connect(decision.way);
    else if (decision.then === 'poll') this.askIn(waiting(Math.random()));
    else if (decision.then === 'retry') this.askIn(backoff(this.attempt++, Math.random()));
  }

  private connect(way: Way): void {
    const urls = addresses(location, this.room, null);
    const listener = this.listener();
    const { video, stalls } = this;
    this.way = way;
    const hls = this.start.at === 'show' ? urls.fromStart : urls.hls;
    // A recording that grows is played like one that is complete.
    const start: Start = this.start.at === 'show' ? { at: 'time', seconds: this.start.seconds } : this.start;
    if (way === 'hls') this.player = new HlsPlayer(video, hls, start, stalls, listener, this.quality);
    else if (way === 'native')
      this.player = new NativePlayer(video, hls, start, stalls, listener, this.doubts);
    else this.player = new FlvPlayer(video, this.wanted === 'ws' ? urls.ws : urls.http, stalls, listener);
    // A tab may be opened behind another one: then no event tells of it.
    this.watchUnseen();
    this.askIn(FIGURES_MS);
  }

  private listener(): Listener {
    return {
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
      paused: () => this.set({ is: 'paused', kept: this.rewound }),
      broken: () => {
        this.drop();
        // For the viewer it is one stall, from the last picture before to the first one after.
        if (this.seen) this.stalls.begin(performance.now());
        const wait = backoff(this.attempt++, Math.random());
        this.set(this.seen ? { is: 'reconnecting', refusal: null } : { is: 'connecting' });
        this.askIn(wait);
      },
      undecodable: () => {
        const other = this.way === 'flv' && Boolean(this.live?.urls.hls);
        this.close();
        if (other) {
          this.flvFailed = true;
          this.set({ is: 'connecting' });
          return void this.ask();
        }
        // Asking again would end here again: what the server says of the codec was not enough to know.
        this.set({ is: 'unsupported', codec: null });
      },
      finished: () => {
        // What is past has come to its end; the server says whether there is anything after it.
        this.start = { at: 'live' };
        this.close();
        void this.ask();
      },
    };
  }

  /** Another player of the same stream, because the viewer wants another time of it. */
  private change(): void {
    const { start } = this;
    this.close();
    this.start = start;
    this.set({ is: 'connecting' });
    void this.ask();
  }

  private visibility(): void {
    clearTimeout(this.unseenTimer);
    this.unseenTimer = 0;
    if (document.visibilityState !== 'visible') return this.watchUnseen();
    if (this.player && !this.rewound && !this.resting) this.player.catchUp();
    // A refusal and a missing decoder do not go away by themselves.
    if (this.state.is !== 'refused') void this.ask();
  }

  /** Stops what nobody looks at or hears after a time; what is heard is looked at again as much later. */
  private watchUnseen(): void {
    if (this.unseenTimer !== 0 || document.visibilityState === 'visible') return;
    const stop = () => {
      this.unseenTimer = 0;
      // The next connection begins to wait anew.
      if (!this.player) return;
      const heard = !this.video.muted || document.pictureInPictureElement === this.video;
      if (heard) return this.watchUnseen();
      this.close();
      this.set({ is: 'connecting' });
    };
    this.unseenTimer = window.setTimeout(stop, UNSEEN_MS);
  }

  private askIn(ms: number): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.ask(), ms);
  }

  private drop(): void {
    clearTimeout(this.goodTimer);
    const range = this.player?.range;
    // The next connection goes on where this one stood.
    if (range && this.start.at === 'behind')
      this.start = { at: 'behind', seconds: range.end - range.position };
    else if (range && this.start.at === 'show') this.start = { at: 'show', seconds: range.position };
    this.player?.destroy();
    this.player = null;
  }

  /** Plays nothing until it is asked to begin again. */
  close(): void {
    clearTimeout(this.timer);
    this.question++;
    this.stalls.forget();
    this.drop();
  }

  /** Closes for good: the video element is another room's from here on, and nothing brings this one back. */
  end(): void {
    this.ended = true;
    this.off.forEach((remove) => remove());
    clearTimeout(this.unseenTimer);
    this.close();
  }

  private set(state: State): void {
    this.state = state;
    this.changed();
  }
}
