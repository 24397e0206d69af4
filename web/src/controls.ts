import { h, setAttribute, setText } from './dom';
import { icon, setIcon, type Icon } from './icons';
import { text, type Key } from './strings';

/** iPhones put only the video itself on the full screen, by a call of their own. */
type AppleVideo = HTMLVideoElement & { webkitEnterFullscreen?: () => void };

/** The row of buttons under the picture; on a phone at the bottom of the screen, where the thumb is. */
export interface Controls {
  element: HTMLElement;
  /** The large button over the picture while there is no sound. */
  tapForSound: HTMLElement;
  render(playing: boolean): void;
}

export function controls(video: HTMLVideoElement, full: HTMLElement, reload: () => void): Controls {
  const toggleSound = () => {
    video.muted = !video.muted;
    if (!video.muted && video.volume === 0) video.volume = 1;
  };
  const toggleFullscreen = () => {
    if (document.fullscreenElement) void document.exitFullscreen();
    else if (full.requestFullscreen) full.requestFullscreen().catch(() => undefined);
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
  const again = control(reload);
  pip.element.hidden = !document.pictureInPictureEnabled;
  const element = h(
    'div',
    { class: 'controls', role: 'toolbar' },
    sound.element,
    again.element,
    pip.element,
    fullscreen.element,
  );

  const tapIcon = icon('soundOff');
  const tapWords = h('span');
  const tapForSound = h('button', { class: 'tap-sound', type: 'button' }, tapIcon, tapWords);
  tapForSound.addEventListener('click', toggleSound);
  video.addEventListener('click', () => video.muted && toggleSound());
  video.addEventListener('dblclick', toggleFullscreen);
  document.addEventListener('keydown', (event) => {
    const typing = event.ctrlKey || event.metaKey || event.altKey;
    if (!typing && event.key === 'm') toggleSound();
    if (!typing && event.key === 'f') toggleFullscreen();
  });

  let isPlaying = false;
  const render = (playing: boolean) => {
    isPlaying = playing;
    setAttribute(element, 'aria-label', text('controls'));
    sound.render(video.muted ? 'soundOff' : 'soundOn', video.muted ? 'soundOn' : 'soundOff');
    const filled = document.fullscreenElement !== null;
    fullscreen.render(filled ? 'fullscreenExit' : 'fullscreen', filled ? 'fullscreenExit' : 'fullscreen');
    pip.render('pip', 'pip');
    pip.element.disabled = !playing;
    again.render('reload', 'reload');
    setText(tapWords, text('tapForSound'));
    tapForSound.hidden = !playing || !video.muted;
  };
  video.addEventListener('volumechange', () => render(isPlaying));
  document.addEventListener('fullscreenchange', () => render(isPlaying));
  return { element, tapForSound, render };
}

function control(act: () => void): {
  element: HTMLButtonElement;
  render: (picture: Icon, label: Key) => void;
} {
  const picture = icon('play');
  const words = h('span');
  const element = h('button', { class: 'control', type: 'button' }, picture, words);
  element.addEventListener('click', act);
  const render = (name: Icon, label: Key) => {
    setIcon(picture, name);
    setText(words, text(label));
    setAttribute(element, 'title', text(label));
  };
  return { element, render };
}
