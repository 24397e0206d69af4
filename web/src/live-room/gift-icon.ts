import { h, setAttribute } from '../dom';
import { icon } from '../icons';
import { webAddress } from './avatar';

/** A gift's picture, or a gift box where it has none or none that loads. */
export function giftIcon(): { element: HTMLElement; render: (address: string) => void } {
  const picture = h('img', { alt: '', referrerpolicy: 'no-referrer', decoding: 'async' });
  picture.hidden = true;
  picture.addEventListener('load', () => (picture.hidden = false));
  picture.addEventListener('error', () => (picture.hidden = true));
  const element = h('span', { class: 'gift-icon', 'aria-hidden': 'true' }, icon('gift'), picture);
  const render = (address: string) => {
    const url = webAddress(address);
    if (url === null) picture.hidden = true;
    if (picture.getAttribute('src') !== url) setAttribute(picture, 'src', url);
  };
  return { element, render };
}
