import { askList, type Item } from './api';
import { copyRow } from './copy-row';
import { h, setText } from './dom';
import { count } from './format';
import { header } from './header';
import { icon } from './icons';
import { roomAddress } from './route';
import { since } from './since';
import { still } from './still';
import { current, text } from './strings';

const REFRESH_MS = 5_000;

/** The page `/`: what is on air, or how to get on air. */
export function home(page: HTMLElement): void {
  let items: Item[] | null = null;
  let offline = false;

  const top = header(false, () => render());
  const title = h('h1');
  const number = h('span', { class: 'number' });
  const notice = h('p', { class: 'notice', role: 'status' });
  const cards = h('ul', { class: 'cards' });
  const empty = emptyPanel();
  const note = h('p', { class: 'footnote' });
  page.replaceChildren(
    top.element,
    h(
      'main',
      { class: 'home' },
      h('div', { class: 'home-title' }, title, number),
      notice,
      cards,
      empty.element,
      note,
    ),
  );

  const render = () => {
    top.render();
    document.title = `${text('homeTitle')} · Weir 堰`;
    setText(title, text('homeTitle'));
    setText(number, items && items.length > 0 ? String(items.length) : '');
    notice.hidden = !offline;
    setText(notice, offline ? text('homeOffline') : '');
    keepFocus(cards, () => cards.replaceChildren(...(items ?? []).map(card)));
    empty.element.hidden = items === null || items.length > 0;
    empty.render();
    note.hidden = items === null;
    setText(note, text('homeSigned'));
  };

  const refresh = async () => {
    if (document.visibilityState === 'visible') {
      const answer = await askList();
      offline = answer === null;
      items = answer ?? items;
      render();
    }
    setTimeout(() => void refresh(), REFRESH_MS);
  };
  render();
  void refresh();
}

function card(item: Item): HTMLElement {
  const chinese = current() === 'zh';
  const title = item.title || item.stream;
  const cover = h(
    'div',
    { class: 'cover', 'data-tone': String(tone(item.app + item.stream)) },
    h('span', { class: 'initial', 'aria-hidden': 'true' }, [...title][0] ?? ''),
    h('span', { class: 'badge' }, text('live')),
    h('span', { class: 'chip' }, icon('eye'), text('viewers', count(item.viewers, chinese))),
  );
  if (item.cover) cover.prepend(...still(`${item.app}/${item.stream}`, item.cover));
  const words = h('div', { class: 'card-words' }, h('h2', {}, title), h('p', {}, since(item.started_at)));
  const address = roomAddress(item.app, item.stream);
  return h(
    'li',
    {},
    h('a', { class: 'card', href: address, 'aria-label': text('watch', title) }, cover, words),
  );
}

function emptyPanel(): { element: HTMLElement; render: () => void } {
  const title = h('h2');
  const body = h('p');
  const address = copyRow();
  const addressHint = h('p', { class: 'hint' });
  const push = copyRow();
  const rows = h('div', { class: 'rows' }, address.element, addressHint, push.element);
  const element = h('section', { class: 'empty' }, h('div', { class: 'water' }), title, body, rows);
  const render = () => {
    setText(title, text('homeEmptyTitle'));
    setText(body, text('homeEmptyBody'));
    // Pushing needs a signature, and the key to make one never leaves the server.
    address.render(text('homeAddress'), 'weir url push live/NAME');
    setText(addressHint, text('homeAddressHint'));
    push.render(
      text('homePush'),
      `ffmpeg -re -i show.mp4 -c:v libx264 -c:a aac -f flv '${text('homePushAddress')}'`,
    );
  };
  return { element, render };
}

/** One of a few covers, always the same one for a stream. */
function tone(name: string): number {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973;
  return sum % 4;
}

/** Puts the focus back on the same card after the list was made anew. */
function keepFocus(list: HTMLElement, change: () => void): void {
  const focused = list.contains(document.activeElement) ? document.activeElement?.getAttribute('href') : null;
  change();
  if (focused) list.querySelector<HTMLElement>(`a[href="${CSS.escape(focused)}"]`)?.focus();
}
