import type { ChatClient } from '../chat';
import { h, setAttribute, setText } from '../dom';
import { icon } from '../icons';
import { text } from '../strings';
import { webAddress } from './avatar';
import { askGoods, type Goods } from './catalogue';
import { pageOf, priceWords } from './goods';
import { sheet } from './sheet';

/** Everybody is told at once that the shelf changed; over so long they look. */
const SPREAD_MS = 1_500;

/** What is sold, behind a button that is there when there is something, and a card of what is explained. */
export function shelf(
  chat: ChatClient,
  room: string,
  tell: (words: string) => void,
): { button: HTMLElement; element: HTMLElement; card: HTMLElement; render: () => void } {
  let goods: Goods[] = [];
  /** What the host talks about; known before the shelf is. */
  let explaining: string | null = null;
  let closed: string | null = null;
  let timer = 0;

  const list = h('div', { class: 'goods' });
  const total = h('span', { class: 'total' });
  const button = h('button', { class: 'tool shelf-button', type: 'button' }, icon('bag'), total);
  const pulled = sheet('goods', button, [list], () => render());
  const shown = h('div', { class: 'goods-card-body' });
  const close = h('button', { class: 'sheet-close', type: 'button' }, icon('close'));
  close.addEventListener('click', () => {
    closed = explaining;
    render();
  });
  const card = h('aside', { class: 'goods-card' }, shown, close);

  const load = async () => {
    const found = await askGoods(room);
    if (found === null) return;
    goods = found;
    explaining = goods.find((one) => one.explaining)?.id ?? null;
    render();
  };
  chat.on('welcome', () => void load());
  chat.on('item', (item) => {
    if (item.event !== 'goods') return;
    if (item.explaining !== explaining) closed = null;
    explaining = item.explaining ?? null;
    clearTimeout(timer);
    timer = window.setTimeout(() => void load(), Math.random() * SPREAD_MS);
  });

  const tile = (one: Goods, on: boolean): HTMLElement => {
    const cover = webAddress(one.cover);
    const picture = h('span', { class: 'goods-cover' }, icon('bag'));
    if (cover !== null)
      picture.append(h('img', { src: cover, alt: '', referrerpolicy: 'no-referrer', decoding: 'async' }));
    const { now, before } = priceWords(one);
    const price = h('span', { class: 'goods-price' }, h('b', {}, now));
    if (before !== null) price.append(h('s', {}, before));
    const name = h('bdi', { class: 'goods-name', dir: 'auto' }, one.name);
    const words = h('span', { class: 'goods-words' }, name, price);
    if (on) words.prepend(h('span', { class: 'role explaining' }, text('explaining')));
    const page = pageOf(one.url);
    const element =
      page === null
        ? h('button', { class: 'goods-tile', type: 'button' }, picture, words)
        : h(
            'a',
            { class: 'goods-tile', href: page, target: '_blank', rel: 'noopener noreferrer' },
            picture,
            words,
          );
    element.addEventListener('click', () => {
      chat.count('goods', one.id);
      if (page === null && one.url !== '') tell(text('inApp'));
    });
    return element;
  };

  let drawn = '';
  const render = () => {
    button.hidden = goods.length === 0;
    if (button.hidden) pulled.show(false);
    pulled.render();
    setAttribute(close, 'aria-label', text('close'));
    setText(total, String(goods.length));
    const one = goods.find(({ id }) => id === explaining && id !== closed);
    // Tiles are made again only when one is another: a tap must not fall between two of them.
    const state = JSON.stringify([goods, explaining, one?.id, text('explaining')]);
    if (state === drawn) return;
    drawn = state;
    list.replaceChildren(...goods.map((each) => tile(each, each.id === explaining)));
    shown.replaceChildren(...(one ? [tile(one, true)] : []));
    card.hidden = !one;
  };
  return { button, element: pulled.element, card, render };
}
