import { h } from '../dom';
import { icon } from '../icons';

/** Most hearts in the air at once. */
const HEARTS_MAX = 24;
/** Of what others like in a second, so many are shown. */
const OTHERS_MAX = 6;
const FLIGHT_MS = 2_400;
const COLOURS = 5;

/** Hearts that rise over the like button. */
export function hearts(): { element: HTMLElement; rise: () => void; others: (count: number) => void } {
  const element = h('div', { class: 'hearts', 'aria-hidden': 'true' });
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  const rise = () => {
    if (still.matches || document.hidden || element.childElementCount >= HEARTS_MAX) return;
    const heart = h('i', { 'data-colour': String(Math.floor(Math.random() * COLOURS)) }, icon('heart'));
    heart.style.setProperty('--drift', `${Math.round(Math.random() * 52 - 40)}px`);
    heart.style.setProperty('--size', (0.8 + Math.random() * 0.5).toFixed(2));
    element.append(heart);
    setTimeout(() => heart.remove(), FLIGHT_MS);
  };
  const others = (count: number) => {
    const shown = Math.min(OTHERS_MAX, count);
    // Over the second in which they were summed.
    for (let i = 0; i < shown; i++) setTimeout(rise, (1_000 / shown) * i);
  };
  return { element, rise, others };
}
