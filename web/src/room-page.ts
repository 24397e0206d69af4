import { addresses } from './address';
import { h, setAttribute, setText } from './dom';
import { count } from './format';
import { header } from './header';
import { icon } from './icons';
import { panel } from './panel';
import { isShown, liveVideo, playerView } from './player-view';
import { LiveRoom } from './room';
import type { Room } from './route';
import { since } from './since';
import { current, text } from './strings';

const TICK_MS = 500;

/** The page `/play/{app}/{stream}`. */
export function roomPage(page: HTMLElement, where: Room, asked: string | null): void {
  const video = liveVideo();
  // The room calls back while it is being made; it is drawn once everything is there.
  let ready = false;
  const room = new LiveRoom(where, asked, video, () => ready && render());

  const top = header(true, () => render());
  const player = playerView(
    video,
    () => room,
    () => addresses(location, where, null).http,
  );

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
  const main = h('main', { class: 'room' }, player.element, headline, side.element);
  page.replaceChildren(top.element, main);

  const render = () => {
    const { state, live } = room;
    const onAir = live?.on_air === true || state.is === 'playing';
    const name = live?.title || where.name;
    document.title = `${name} · Weir 堰`;
    top.render();
    player.render();
    setAttribute(page, 'data-shown', String(isShown(state)));
    setAttribute(main, 'data-alone', String(state.is === 'refused'));
    setText(title, name);
    setText(badge, text(room.rewound ? 'rewound' : onAir ? 'live' : 'offAir'));
    setAttribute(badge, 'data-past', String(room.rewound));
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
