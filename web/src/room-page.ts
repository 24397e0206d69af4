import { addresses } from './address';
import { controls } from './controls';
import { h, setAttribute, setText } from './dom';
import { count } from './format';
import { header } from './header';
import { icon } from './icons';
import { panel } from './panel';
import { LiveRoom } from './room';
import type { Room } from './route';
import { since } from './since';
import { stage } from './stage';
import { current, text } from './strings';

const TICK_MS = 500;

/** The page `/play/{app}/{stream}`. */
export function roomPage(page: HTMLElement, where: Room): void {
  const video = h('video', {
    playsinline: '',
    'webkit-playsinline': '',
    'x5-playsinline': '',
    preload: 'auto',
  });
  // Browsers start only silent pictures by themselves.
  video.muted = true;
  video.disableRemotePlayback = true;

  // The room calls back while it is being made; it is drawn once everything is there.
  let ready = false;
  const room = new LiveRoom(where, video, () => ready && render());

  const top = header(true, () => render());
  const picture = stage(video, {
    play: () => room.play(),
    reload: () => room.reload(),
    address: () => addresses(location, where, null).http,
  });
  const player = h('section', { class: 'player' }, picture.element);
  const buttons = controls(video, player, () => room.reload());
  picture.element.append(buttons.tapForSound);
  player.append(buttons.element);

  const title = h('h1');
  const badge = h('span', { class: 'badge' });
  const viewers = h('span');
  const crowd = h('span', { class: 'crowd' }, icon('eye'), viewers);
  const time = h('span', { class: 'time' });
  const headline = h(
    'section',
    { class: 'headline' },
    title,
    h('div', { class: 'meta' }, badge, crowd, time),
  );
  const side = panel(() => room);
  const main = h('main', { class: 'room' }, player, headline, side.element);
  page.replaceChildren(top.element, main);

  const shape = () => {
    if (!video.videoWidth || !video.videoHeight) return;
    picture.element.style.setProperty('--ratio', String(video.videoWidth / video.videoHeight));
  };
  video.addEventListener('loadedmetadata', shape);
  video.addEventListener('resize', shape);

  const render = () => {
    const { state, live } = room;
    const shown = ['playing', 'stalled', 'away', 'paused'].includes(state.is);
    const onAir = live?.on_air === true || state.is === 'playing';
    const name = live?.title || where.name;
    document.title = `${name} · Weir 堰`;
    top.render();
    picture.render(state);
    buttons.render(state.is === 'playing' || state.is === 'stalled');
    setAttribute(page, 'data-shown', String(shown));
    setAttribute(main, 'data-alone', String(state.is === 'refused'));
    setText(title, name);
    setText(badge, text(onAir ? 'live' : 'offAir'));
    badge.hidden = state.is === 'refused' || state.is === 'loading';
    setAttribute(badge, 'data-on', String(onAir));
    crowd.hidden = !onAir || !live;
    setText(viewers, live ? text('viewers', count(live.viewers, current() === 'zh')) : '');
    setText(time, onAir && live ? since(live.started_at) : '');
    side.render();
  };
  ready = true;
  render();
  // The delay and a stall under way change by themselves.
  setInterval(() => document.visibilityState === 'visible' && render(), TICK_MS);
}
