import { h, setAttribute, setText } from '../dom';
import { icon } from '../icons';
import { text, type Key } from '../strings';

/** Something that is pulled up over the chat, and the button that does it. */
export interface Sheet {
  button: HTMLButtonElement;
  element: HTMLElement;
  readonly open: boolean;
  show(on: boolean): void;
  render(): void;
}

/** A sheet with a title. `opened` is told when it opens. */
export function sheet(name: Key, button: HTMLButtonElement, body: Node[], opened: () => void): Sheet {
  const title = h('h3');
  const close = h('button', { class: 'sheet-close', type: 'button' }, icon('close'));
  const head = h('div', { class: 'sheet-head' }, title, close);
  const element = h('section', { class: 'sheet', role: 'dialog' }, head, ...body);
  element.hidden = true;
  const show = (on: boolean) => {
    if (element.hidden !== on) return;
    // Whoever works it by keys goes on where they were.
    const inside = element.contains(document.activeElement);
    element.hidden = !on;
    setAttribute(button, 'aria-expanded', String(on));
    if (on) opened();
    else if (inside) button.focus();
  };
  button.addEventListener('click', () => show(element.hidden === true));
  close.addEventListener('click', () => show(false));
  document.addEventListener('pointerdown', (event) => {
    const at = event.target as Node;
    if (!element.contains(at) && !button.contains(at)) show(false);
  });
  document.addEventListener('keydown', (event) => event.key === 'Escape' && show(false));
  const render = () => {
    setText(title, text(name));
    for (const [one, words] of [
      [button, text(name)],
      [element, text(name)],
      [close, text('close')],
    ] as const)
      setAttribute(one, 'aria-label', words);
    setAttribute(button, 'title', text(name));
  };
  setAttribute(button, 'aria-expanded', 'false');
  return {
    button,
    element,
    get open() {
      return !element.hidden;
    },
    show,
    render,
  };
}
