import { control, type Control } from './control';
import { h, setAttribute, setText } from './dom';
import type { Icon } from './icons';

/** One thing to choose. */
export interface Option<T> {
  value: T;
  label: string;
}

/** A button that opens a short list of things of which one holds. */
export interface Menu<T> extends Control {
  /** `label` is what it is about, `now` what stands on the button. */
  draw(options: Option<T>[], chosen: T, label: string, now: string): void;
}

export function menu<T>(picture: Icon, choose: (value: T) => void): Menu<T> {
  const list = h('div', { class: 'menu', role: 'menu' });
  list.hidden = true;
  const opener = control(() => (list.hidden ? open() : close()));
  const element = h('div', { class: 'with-menu' }, opener.element, list);
  setAttribute(opener.element, 'aria-haspopup', 'menu');
  let shown: Option<T>[] = [];

  const items = () => [...list.querySelectorAll('button')];
  const close = (focus = true) => {
    list.hidden = true;
    setAttribute(opener.element, 'aria-expanded', 'false');
    if (focus) opener.element.focus();
  };
  const open = () => {
    list.hidden = false;
    setAttribute(opener.element, 'aria-expanded', 'true');
    (list.querySelector<HTMLElement>('[aria-checked=true]') ?? items()[0])?.focus();
  };
  document.addEventListener('pointerdown', (event) => {
    if (!list.hidden && !element.contains(event.target as Node)) close(false);
  });
  element.addEventListener('keydown', (event) => {
    if (list.hidden) return;
    const all = items();
    const at = all.indexOf(document.activeElement as HTMLButtonElement);
    const steps: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 };
    const to = steps[event.key];
    if (event.key === 'Escape') close();
    else if (event.key === 'Tab') return close(false);
    else if (to === undefined) return;
    else all[((to % all.length) + all.length) % all.length]?.focus();
    event.preventDefault();
    event.stopPropagation();
  });

  const draw: Menu<T>['draw'] = (options, chosen, label, now) => {
    const before = shown.length;
    shown = options;
    if (options.length !== before) {
      list.replaceChildren(
        ...options.map((_, i) => {
          const item = h('button', { type: 'button', role: 'menuitemradio', tabindex: '-1' });
          item.addEventListener('click', ({ detail: byPointer }) => {
            // A pointer leaves the keys to the page; a key goes on where it was.
            close(byPointer === 0);
            const one = shown[i];
            if (one) choose(one.value);
          });
          return item;
        }),
      );
    }
    element.hidden = options.length < 2;
    // What is open keeps its items, and with them the focus, when only their words change.
    items().forEach((item, i) => {
      setText(item, options[i]?.label ?? '');
      setAttribute(item, 'aria-checked', String(options[i]?.value === chosen));
    });
    setAttribute(list, 'aria-label', label);
    opener.render(picture, now);
    setAttribute(opener.element, 'aria-label', now === label ? label : `${label} ${now}`);
  };
  return { element, draw, render: () => undefined };
}
