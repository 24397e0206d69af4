import mark from './assets/mark.svg';
import { h, setAttribute, setText } from './dom';
import { icon } from './icons';
import { switchLanguage, text } from './strings';

/** The top of every page: the wordmark, which leads to the list, and the language switch. */
export function header(withBack: boolean, changed: () => void): { element: HTMLElement; render: () => void } {
  const language = h('button', { class: 'quiet', type: 'button' });
  language.addEventListener('click', () => {
    switchLanguage();
    changed();
  });
  const home = h('a', { class: 'wordmark', href: '/' });
  if (withBack) home.append(icon('back'));
  home.append(
    h('img', { src: mark, alt: '', width: '28', height: '25' }),
    h('span', {}, 'Weir'),
    h('b', {}, '堰'),
  );
  const tagline = h('span', { class: 'tagline' });
  const element = h('header', { class: 'top' }, home, tagline, language);
  const render = () => {
    setText(language, text('otherLanguage'));
    setText(tagline, text('tagline'));
    setAttribute(home, 'aria-label', withBack ? text('back') : 'Weir');
  };
  return { element, render };
}
