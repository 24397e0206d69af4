import { addresses } from '../address';
import { ChatClient } from '../chat';
import type { State } from '../decide';
import { h, setAttribute } from '../dom';
import { header } from '../header';
import { isShown, liveVideo, playerView } from '../player-view';
import { LiveRoom } from '../room';
import { route, roomAddress, type Room, type ShowRoom } from '../route';
import { words, type Words } from '../stage';
import { text } from '../strings';
import { videoShape } from '../video-shape';
import { chatPanel } from './chat-panel';
import { curtain } from './curtain';
import { giftBanners } from './gift-banners';
import { hostBar } from './host-bar';
import './live-room.css';
import './gifts.css';
import { replayLink } from './replay-link';
import { playPass, type Pass } from './pass';
import { forgetToken, keepGuest, onNewToken, session } from './session';

const TICK_MS = 500;

/** The page `/r/{room}`: a show with its chat. */
export function showPage(page: HTMLElement, where: ShowRoom, asked: string | null): void {
  const who = session(where);
  const secure = location.protocol === 'https:';
  const chat = new ChatClient({
    url: `${secure ? 'wss' : 'ws'}://${location.host}/chat`,
    room: where.id,
    token: who.token,
    guest: who.guest,
    inviter: new URLSearchParams(location.search).get('inviter') ?? undefined,
  });
  chat.on('welcome', ({ guest }) => guest && keepGuest(guest));

  const video = liveVideo();
  let live: LiveRoom | null = null;
  const top = header(true, () => render());
  const side = chatPanel(chat, where.id);
  const banners = giftBanners(chat);
  const play = playPass(
    where.id,
    who.token,
    where.query,
    () => chat.serverNow,
    () => soon(),
  );
  const replay = replayLink(where.id, who.token, () => soon());
  const bar = hostBar(chat, side.tell);
  const say = (state: State): Words | null =>
    chat.room?.state === 'interrupted' && state.is !== 'playing'
      ? words('spinner', text('away'), text('awayHint'))
      : null;
  const player = playerView(
    video,
    () => live,
    () => (live ? addresses(location, live.room, null).http : location.href),
    say,
  );
  const cover = curtain({
    asGuest: () => {
      forgetToken(where);
      location.reload();
    },
    comeBack: () => chat.open(),
    allLive: () => location.assign('/'),
  });
  player.stage.append(banners.element, cover.element);
  const main = h('main', { class: 'live' }, player.element, bar.element, side.element);
  page.replaceChildren(top.element, main);
  setAttribute(page, 'data-page', 'show');
  videoShape(video, main);

  let drawn = false;
  /** However much happens at once, it is drawn once. */
  const soon = () => {
    if (drawn) return;
    drawn = true;
    // Without frames, as in a tab that nobody sees, it is still kept up to date.
    if (document.hidden) setTimeout(render, TICK_MS);
    else requestAnimationFrame(render);
  };

  /** The picture follows the show: there while it is on, gone before and after. */
  const follow = (covered: boolean) => {
    const stream = chat.room?.stream;
    play.render(!covered && stream !== undefined);
    if (covered) {
      live?.end();
      live = null;
    } else if (stream && play.pass) {
      const found = streamOf(stream, play.pass);
      if (live?.room.path !== found.path) {
        live?.end();
        live = new LiveRoom(found, asked, video, soon);
      } else if (live.room.query !== found.query || live.room.hlsQuery !== found.hlsQuery) live.sign(found);
    }
  };

  const render = () => {
    drawn = false;
    replay.render(chat.room?.state === 'ended');
    const covered = cover.render(chat, replay.page);
    follow(covered);
    const state = live?.state ?? { is: 'loading' as const };
    const shown = !covered && isShown(state);
    document.title = `${chat.room?.title ?? where.id} · Weir 堰`;
    top.render();
    player.render();
    bar.render();
    side.render();
    banners.render();
    setAttribute(page, 'data-shown', String(shown));
    setAttribute(main, 'data-covered', String(covered));
    setAttribute(main, 'data-over', String(chat.status.is === 'over'));
    // Then a larger button offers the sound.
    setAttribute(main, 'data-muted', String(video.muted));
    setAttribute(main, 'data-alone', String(chat.room === null && chat.status.is === 'over'));
    const { videoWidth, videoHeight } = video;
    setAttribute(main, 'data-tall', String(videoHeight > videoWidth));
  };
  chat.on('change', soon);
  video.addEventListener('volumechange', soon);
  window.addEventListener('online', () => chat.check());
  window.addEventListener('pagehide', () => chat.close());
  window.addEventListener('pageshow', (event) => event.persisted && chat.open());
  document.addEventListener('visibilitychange', () => !document.hidden && chat.check());
  onNewToken(() => location.reload());
  // A keyboard takes its room from below, and the room that is left is what the page is laid out in.
  const viewport = window.visualViewport;
  const fit = () => main.style.setProperty('--height', `${viewport?.height ?? innerHeight}px`);
  viewport?.addEventListener('resize', fit);
  fit();
  chat.open();
  render();
  // Countdowns, and a stall under way.
  setInterval(() => !document.hidden && soon(), TICK_MS);
}

/** The stream of a room, as the address of its own page would name it. */
function streamOf(stream: string, { flv: query, hls: hlsQuery }: Pass): Room {
  const parts = stream.split('/');
  const name = parts.pop() ?? '';
  const found = route(roomAddress(parts.join('/'), name), query);
  return { ...(found.page === 'room' ? found.room : { path: stream, name, query }), hlsQuery };
}
