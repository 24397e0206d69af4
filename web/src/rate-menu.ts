import type { Control } from './control';
import { menu } from './menu';
import { text } from './strings';

const RATES = [2, 1.5, 1.25, 1, 0.75, 0.5];

/** The choice of how fast a show that is over is played. */
export function rateMenu(video: HTMLVideoElement): Control {
  const one = menu<number>('rate', (rate) => {
    video.playbackRate = rate;
    // A player that begins anew takes this one.
    video.defaultPlaybackRate = rate;
  });
  const render = () => {
    const rate = video.playbackRate;
    const options = RATES.map((value) => ({ value, label: value === 1 ? text('speedOne') : `${value}×` }));
    one.draw(options, rate, text('speed'), rate === 1 ? text('speed') : `${rate}×`);
  };
  video.addEventListener('ratechange', render);
  return { element: one.element, render };
}
