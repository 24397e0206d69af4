import type { ChatClient } from '../chat';
import { h, setText } from '../dom';
import { text } from '../strings';
import { avatar } from './avatar';
import { giftIcon } from './gift-icon';
import { GiftRows, type Row } from './gift-rows';

/** A gift that is older, as those are that a newcomer is told, is a line and no banner. */
const NEW_MS = 10_000;

/** Gifts over the picture: who, what, and how many by now. */
export function giftBanners(chat: ChatClient): { element: HTMLElement; render: () => void } {
  const rows = new GiftRows();
  const element = h('div', { class: 'gift-banners', 'aria-hidden': 'true' });
  const banners = new Map<string, ReturnType<typeof banner>>();
  chat.on('item', (item) => {
    if (item.kind === 'gift' && chat.serverNow - item.at < NEW_MS) rows.add(item, performance.now());
  });
  const render = () => {
    const shown = rows.at(performance.now());
    for (const [key, { element: old }] of banners) {
      if (shown.some((row) => row.key === key)) continue;
      old.remove();
      banners.delete(key);
    }
    for (const row of shown) {
      let one = banners.get(row.key);
      if (!one) {
        one = banner(row);
        banners.set(row.key, one);
        element.append(one.element);
      }
      one.render(row.times);
    }
  };
  return { element, render };
}

function banner(row: Row): { element: HTMLElement; render: (times: number) => void } {
  const face = avatar();
  face.render(row);
  const picture = giftIcon();
  picture.render(row.icon);
  const name = h('bdi', { class: 'who', dir: 'auto' }, row.name);
  const what = h('bdi', { class: 'what', dir: 'auto' }, text('gaveWhat', row.gift));
  const times = h('b', { class: 'times' });
  const words = h('span', { class: 'words' }, name, what);
  const element = h('div', { class: 'gift-banner' }, face.element, words, picture.element, times);
  let seen = 0;
  const render = (now: number) => {
    if (now === seen) return;
    seen = now;
    setText(times, `×${now}`);
    times.classList.remove('beat');
    void times.offsetWidth;
    times.classList.add('beat');
  };
  return { element, render };
}
