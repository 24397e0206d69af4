import { h, setAttribute } from './dom';
import { icon, setIcon } from './icons';
import { text } from './strings';

/** The round button in the middle of a picture that rests. */
export function startButton(act: () => void): {
  element: HTMLElement;
  render: (shown: 'play' | 'again' | null) => void;
} {
  const picture = icon('play');
  const element = h('button', { class: 'start', type: 'button' }, picture);
  element.addEventListener('click', act);
  const render = (shown: 'play' | 'again' | null) => {
    element.hidden = shown === null;
    if (shown === null) return;
    setIcon(picture, shown);
    setAttribute(element, 'aria-label', text(shown));
  };
  return { element, render };
}
