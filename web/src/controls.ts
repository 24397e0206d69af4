import { control, type Control } from './control';
import { h, setAttribute, setText } from './dom';
import { icon } from './icons';
import { keys } from './keys';
import { text } from './strings';

/** iPhones put only the video itself on the full screen, by a call of their own. */
type AppleVideo = HTMLVideoElement & { webkitEnterFullscreen?: () => void };

/** The row of buttons under the picture; on a phone at the bottom of the screen, where the thumb is. */
export interface Controls {
  element: HTMLElement;
  /** The large button over the picture while there is no sound. */
  tapForSound: HTMLElement;
  render(playing: boolean): void;
}

/** What a page adds to the buttons that every page has. */
export interface Extra {
  before: Control[];
  after: Control[];
  /** What the space bar and the keys beside it do, where they do anything. */
  toggle?: () => void;
  skip?: (seconds: number) => void;
}

export function controls(video: HTMLVideoElement, full: () => HTMLElement, extra: Extra): Controls {
  const toggleSound = () => {
    video.muted = !video.muted;
    if (!video.muted && video.volume === 0) video.volume = 1;
  };
  const toggleFullscreen = () => {
    if (document.fullscreenElement) void document.exitFullscreen();
    else if (full().requestFullscreen)
      full()
        .requestFullscreen()
        .catch(() => undefined);
    else (video as AppleVideo).webkitEnterFullscreen?.();
  };
  const togglePip = () => {
    // It is refused before the first picture and while another window has it, which the viewer sees anyway.
    if (document.pictureInPictureElement) document.exitPictureInPicture().catch(() => undefined);
    else video.requestPictureInPicture().catch(() => undefined);
  };

  const sound = control(toggleSound);
  const pip = control(togglePip);
  const fullscreen = control(toggleFullscreen);
  // On a phone's room there is space for these two.
  sound.element.dataset.control = 'sound';
  fullscreen.element.dataset.control = 'fullscreen';
  pip.element.hidden = !document.pictureInPictureEnabled;
  const element = h(
    'div',
    { class: 'controls', role: 'toolbar' },
    ...extra.before.map((one) => one.element),
    sound.element,
    ...extra.after.map((one) => one.element),
    pip.element,
    fullscreen.element,
  );

  const tapIcon = icon('soundOff');
  const tapWords = h('span');
  const tapForSound = h('button', { class: 'tap-sound', type: 'button' }, tapIcon, tapWords);
  tapForSound.addEventListener('click', toggleSound);
  video.addEventListener('dblclick', toggleFullscreen);
  keys({ m: toggleSound, f: toggleFullscreen, toggle: extra.toggle, skip: extra.skip });

  let isPlaying = false;
  const render = (playing: boolean) => {
    isPlaying = playing;
    setAttribute(element, 'aria-label', text('controls'));
    [...extra.before, ...extra.after].forEach((one) => one.render());
    sound.render(video.muted ? 'soundOff' : 'soundOn', text(video.muted ? 'soundOn' : 'soundOff'));
    const filled = document.fullscreenElement !== null;
    const screen = filled ? 'fullscreenExit' : 'fullscreen';
    fullscreen.render(screen, text(screen));
    pip.render('pip', text('pip'));
    pip.element.disabled = !playing;
    setText(tapWords, text('tapForSound'));
    tapForSound.hidden = !playing || !video.muted;
  };
  video.addEventListener('volumechange', () => render(isPlaying));
  document.addEventListener('fullscreenchange', () => render(isPlaying));
  return { element, tapForSound, render };
}
