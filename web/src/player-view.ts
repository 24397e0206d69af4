import { control } from './control';
import { controls } from './controls';
import type { State } from './decide';
import { h } from './dom';
import { idle } from './idle';
import { qualityMenu } from './quality-menu';
import type { LiveRoom } from './room';
import { describe } from './room-words';
import { stage, type Words } from './stage';
import { startButton } from './start';
import { text } from './strings';
import { Thumbnails } from './thumbnails';
import { inside, worthIt } from './timeline';
import { timelineRow } from './timeline-row';
import { videoShape } from './video-shape';

/** A video element for live pictures. */
export function liveVideo(): HTMLVideoElement {
  const video = h('video', {
    playsinline: '',
    'webkit-playsinline': '',
    'x5-playsinline': '',
    preload: 'auto',
  });
  // Browsers start only silent pictures by themselves.
  video.muted = true;
  video.disableRemotePlayback = true;
  return video;
}

/** The picture of a live room with all that works it. */
export interface PlayerView {
  element: HTMLElement;
  stage: HTMLElement;
  render(): void;
}

/**
 * `room` is null until it is known what is to be played; `address` is that for another program, and `say` has words of
 * its own for a state, where it has.
 */
export function playerView(
  video: HTMLVideoElement,
  room: () => LiveRoom | null,
  address: () => string,
  say: (state: State) => Words | null = () => null,
): PlayerView {
  const actions = { play: () => room()?.play(), reload: () => room()?.reload(), address };
  const picture = stage(video, actions, (state: State) => say(state) ?? describe(state));
  const toggle = () => (room()?.resting ? room()?.play() : room()?.pause());
  const skip = (seconds: number) => {
    const line = room()?.timeline;
    if (line && worthIt(line)) room()?.seek(inside(line, line.position + seconds));
  };
  const again = control(() => room()?.reload());
  // Without a way back a pause only makes a viewer late.
  const pause = control(toggle);
  const drawPause = () => {
    const line = room()?.timeline;
    const resting = room()?.resting;
    pause.element.hidden = !room()?.rewound && !(line && worthIt(line));
    pause.render(resting ? 'play' : 'pause', text(resting ? 'play' : 'pause'));
  };
  const buttons = controls(video, () => element, {
    before: [{ element: pause.element, render: drawPause }],
    after: [
      { element: again.element, render: () => again.render('reload', text('reload')) },
      qualityMenu(() => room()?.playback ?? null),
    ],
    toggle,
    skip,
  });
  let thumbnails: { of: string; pictures: Thumbnails } | null = null;
  const tile = (time: number) => {
    const recording = room()?.live?.recording;
    const at = room()?.recordedAt(time) ?? null;
    if (!recording?.thumbnails || at === null) return null;
    // The address is another one in each answer; the pictures are the same.
    if (thumbnails?.of !== recording.id)
      thumbnails = { of: recording.id, pictures: new Thumbnails(recording.thumbnails, true) };
    return thumbnails.pictures.at(at);
  };
  const line = timelineRow({
    seek: (to) => room()?.seek(to),
    toLive: () => room()?.toLive(),
    restart: () => room()?.restart(),
    tile,
  });
  const element = h('section', { class: 'player' }, picture.element, line.element, buttons.element);
  const start = startButton(toggle);
  picture.element.append(start.element, buttons.tapForSound);
  video.addEventListener('click', () => {
    if (video.muted) video.muted = false;
  });
  videoShape(video, picture.element);
  idle(element);

  const render = () => {
    const state = room()?.state ?? { is: 'loading' };
    picture.render(state);
    buttons.render(state.is === 'playing' || state.is === 'stalled');
    start.render(state.is === 'paused' && state.kept ? 'play' : null);
    const seekable = isShown(state) || state.is === 'connecting';
    line.render(seekable ? (room()?.timeline ?? null) : null, seekable && room()?.hasStart === true);
  };
  return { element, stage: picture.element, render };
}

/** Whether there is a picture, moving or not. */
export function isShown(state: State): boolean {
  return ['playing', 'stalled', 'away', 'paused'].includes(state.is);
}
