import { h, setAttribute, setText } from './dom';
import { icon, setIcon, type Icon } from './icons';

/** Something in the row of buttons. */
export interface Control {
  element: HTMLElement;
  /** Draws what changes by itself. */
  render(): void;
}

/** A button with an icon and a word. */
export interface IconButton {
  element: HTMLButtonElement;
  render(picture: Icon, label: string): void;
}

export function control(act: () => void): IconButton {
  const picture = icon('play');
  const words = h('span');
  const element = h('button', { class: 'control', type: 'button' }, picture, words);
  element.addEventListener('click', act);
  const render = (name: Icon, label: string) => {
    setIcon(picture, name);
    setText(words, label);
    setAttribute(element, 'title', label);
  };
  return { element, render };
}
