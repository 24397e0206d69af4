import { addresses } from './address';
import { control } from './control';
import { controls } from './controls';
import { h, setAttribute, setText } from './dom';
import { count } from './format';
import { header } from './header';
import { idle } from './idle';
import { icon } from './icons';
import { panel } from './panel';
import { qualityMenu } from './quality-menu';
import { LiveRoom } from './room';
import { describe } from './room-words';
import type { Room } from './route';
import { since } from './since';
import { stage } from './stage';
import { startButton } from './start';
import { current, text } from './strings';
import { Thumbnails } from './thumbnails';
import { inside, worthIt } from './timeline';
import { timelineRow } from './timeline-row';
import { videoShape } from './video-shape';

const TICK_MS = 500;

/** The page `/play/{app}/{stream}`. */
export function roomPage(page: HTMLElement, where: Room, asked: string | null): void {
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
  const room = new LiveRoom(where, asked, video, () => ready && render());

  const top = header(true, () => render());
  const picture = stage(
    video,
    {
      play: () => room.play(),
      reload: () => room.reload(),
      address: () => addresses(location, where, null).http,
    },
    describe,
  );
  const toggle = () => (room.resting ? room.play() : room.pause());
  const skip = (seconds: number) => {
    const line = room.timeline;
    if (line && worthIt(line)) room.seek(inside(line, line.position + seconds));
  };
  const again = control(() => room.reload());
  // Without a way back a pause only makes a viewer late.
  const pause = control(toggle);
  const drawPause = () => {
    const line = room.timeline;
    pause.element.hidden = !room.rewound && !(line && worthIt(line));
    pause.render(room.resting ? 'play' : 'pause', text(room.resting ? 'play' : 'pause'));
  };
  const buttons = controls(video, () => player, {
    before: [{ element: pause.element, render: drawPause }],
    after: [
      { element: again.element, render: () => again.render('reload', text('reload')) },
      qualityMenu(() => room.playback),
    ],
    toggle,
    skip,
  });
  let thumbnails: { of: string; pictures: Thumbnails } | null = null;
  const tile = (time: number) => {
    const recording = room.live?.recording;
    const at = room.recordedAt(time);
    if (!recording?.thumbnails || at === null) return null;
    // The address is another one in each answer; the pictures are the same.
    if (thumbnails?.of !== recording.id)
      thumbnails = { of: recording.id, pictures: new Thumbnails(recording.thumbnails, true) };
    return thumbnails.pictures.at(at);
  };
  const line = timelineRow({
    seek: (to) => room.seek(to),
    toLive: () => room.toLive(),
    restart: () => room.restart(),
    tile,
  });
  const player = h('section', { class: 'player' }, picture.element, line.element, buttons.element);
  const start = startButton(toggle);
  picture.element.append(start.element, buttons.tapForSound);
  video.addEventListener('click', () => {
    if (video.muted) video.muted = false;
  });

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

  videoShape(video, picture.element);
  idle(player);

  const render = () => {
    const { state, live } = room;
    const shown = ['playing', 'stalled', 'away', 'paused'].includes(state.is);
    const onAir = live?.on_air === true || state.is === 'playing';
    const name = live?.title || where.name;
    document.title = `${name} · Weir 堰`;
    top.render();
    picture.render(state);
    buttons.render(state.is === 'playing' || state.is === 'stalled');
    start.render(state.is === 'paused' && state.kept ? 'play' : null);
    const seekable = shown || state.is === 'connecting';
    line.render(seekable ? room.timeline : null, seekable && room.hasStart);
    setAttribute(page, 'data-shown', String(shown));
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
