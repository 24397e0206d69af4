import { h, setAttribute, setText } from '../dom';

const TONES = 6;

/** Somebody's picture, or the first letter of their name on a colour of their own. */
export function avatar(): { element: HTMLElement; render: (who: { name: string; avatar: string }) => void } {
  const letter = h('span');
  const picture = h('img', { alt: '', referrerpolicy: 'no-referrer', decoding: 'async' });
  const element = h('span', { class: 'avatar', 'aria-hidden': 'true' }, letter, picture);
  picture.hidden = true;
  picture.addEventListener('load', () => (picture.hidden = false));
  picture.addEventListener('error', () => (picture.hidden = true));
  const render = (who: { name: string; avatar: string }) => {
    setText(letter, [...who.name.trim()][0] ?? '·');
    setAttribute(element, 'data-tone', String(tone(who.name)));
    const url = webAddress(who.avatar);
    if (url === null) picture.hidden = true;
    if (picture.getAttribute('src') !== url) setAttribute(picture, 'src', url);
  };
  return { element, render };
}

/** The same for the same name, everywhere. */
export function tone(name: string): number {
  let sum = 0;
  for (const char of name) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 9_973;
  return sum % TONES;
}

/** An address that may be loaded or followed; null for every other kind. */
export function webAddress(text: string): string | null {
  return /^https?:[/][/]/i.test(text) || /^[/][^/]/.test(text) ? text : null;
}
