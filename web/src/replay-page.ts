import { control } from './control';
import { controls } from './controls';
import { h, setAttribute, setText } from './dom';
import { day } from './format';
import { header } from './header';
import { idle } from './idle';
import { qualityMenu } from './quality-menu';
import { rateMenu } from './rate-menu';
import { ReplayRoom } from './replay';
import { replayChatPanel } from './replay-chat-panel';
import { replayPanel } from './replay-panel';
import { describeReplay } from './replay-words';
import { roomAddress, type Replay } from './route';
import { stage } from './stage';
import { startButton } from './start';
import { current, text } from './strings';
import { Thumbnails } from './thumbnails';
import { timelineRow } from './timeline-row';
import { videoShape } from './video-shape';

const TICK_MS = 250;

/** The page `/replay/{id}`. */
export function replayPage(page: HTMLElement, where: Replay, asked: string | null): void {
  const video = h('video', {
    playsinline: '',
    'webkit-playsinline': '',
    'x5-playsinline': '',
    preload: 'auto',
  });
  let ready = false;
  const room = new ReplayRoom(where, asked, video, () => ready && render());
  let thumbnails: Thumbnails | null = null;

  const top = header(true, () => render());
  const media = () => room.show?.urls.mp4 ?? room.show?.urls.hls ?? '';
  const picture = stage(
    video,
    {
      play: () => room.play(),
      reload: () => room.reload(),
      address: () => new URL(media(), location.href).href,
    },
    describeReplay,
  );
  const toggle = () => room.toggle();
  const start = startButton(toggle);
  const poster = h('img', { class: 'poster', alt: '' });
  picture.element.prepend(poster);
  const play = control(toggle);
  const drawPlay = () => {
    const name = room.state.is === 'ended' ? 'again' : room.resting ? 'play' : 'pause';
    play.render(name, text(name));
    play.element.disabled = room.show === null;
  };
  const buttons = controls(video, () => player, {
    before: [{ element: play.element, render: drawPlay }],
    after: [rateMenu(video), qualityMenu(() => room.playback)],
    toggle,
    skip: (seconds) => room.skip(seconds),
  });
  const line = timelineRow({
    seek: (to) => room.seek(to),
    toLive: () => undefined,
    tile: (time) => thumbnails?.at(time) ?? null,
  });
  const player = h('section', { class: 'player' }, picture.element, line.element, buttons.element);
  picture.element.append(start.element, buttons.tapForSound);
  video.addEventListener('click', toggle);
  videoShape(video, picture.element);
  idle(player);

  const title = h('h1');
  const badge = h('span', { class: 'badge' });
  const began = h('span');
  const toRoom = h('a', { class: 'link' });
  const meta = h('div', { class: 'meta' }, badge, began, toRoom);
  const headline = h('section', { class: 'headline' }, title, meta);
  const side = replayPanel(room, (at) => {
    const chat = where.room === null ? '' : `room=${where.room}`;
    const query = [where.query.slice(1), chat, at ? `t=${at}` : ''].filter(Boolean).join('&');
    return `${location.origin}/replay/${where.id}${query && `?${query}`}`;
  });
  /** When what is shown happened. A show whose encoder was away for a while has that long less picture than time. */
  const moment = () => {
    const started = Date.parse(room.show?.started_at ?? '');
    return Number.isNaN(started) || !room.timeline ? null : started + room.timeline.position * 1_000;
  };
  const chat = where.room === null ? null : replayChatPanel(where.room, moment);
  const aside = h('div', { class: 'beside' }, ...(chat ? [chat.element] : []), side.element);
  const main = h('main', { class: 'room' }, player, headline, aside);
  page.replaceChildren(top.element, main);

  const render = () => {
    const { state, show } = room;
    chat?.render();
    const name = show ? show.title || show.stream : text('replay');
    document.title = `${name} · Weir 堰`;
    top.render();
    picture.render(state);
    buttons.render(state.is === 'playing' || state.is === 'stalled');
    // What is not there has nothing to press.
    buttons.element.hidden = show === null;
    drawPlay();
    line.render(room.timeline);
    setAttribute(page, 'data-shown', String(show !== null && state.is !== 'unsupported'));
    setAttribute(main, 'data-alone', String(show === null && state.is !== 'loading'));
    const rests = room.resting && room.playback?.range !== null;
    start.render(rests ? (state.is === 'ended' ? 'again' : 'play') : null);
    drawPoster(poster, room);
    if (show?.urls.thumbnails && thumbnails?.grows !== show.recording)
      thumbnails = new Thumbnails(show.urls.thumbnails, show.recording);
    headline.hidden = show === null;
    setText(title, name);
    setText(badge, text(show?.recording ? 'recording' : 'replay'));
    setAttribute(badge, 'data-on', String(show?.recording === true));
    setAttribute(badge, 'data-dot', String(show?.recording === true));
    const date = show && day(show.started_at, current());
    setText(began, date ? text('recordedOn', date) : '');
    toRoom.hidden = !show?.recording;
    setText(toRoom, text('toRoom'));
    if (show) setAttribute(toRoom, 'href', roomAddress(show.app, show.stream));
    side.render();
  };
  ready = true;
  render();
  setInterval(() => document.visibilityState === 'visible' && render(), TICK_MS);
}

/** The poster stands until the first picture of the show. */
function drawPoster(poster: HTMLImageElement, { state, show, playback }: ReplayRoom): void {
  const url = show?.urls.poster ?? null;
  const started = playback?.range != null && state.is !== 'connecting';
  poster.hidden = !url || started || !['ready', 'connecting', 'blocked'].includes(state.is);
  if (!poster.hidden) setAttribute(poster, 'src', url);
}
