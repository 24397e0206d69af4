import type { ChatClient } from '../chat';
import { h, setAttribute, setText } from '../dom';
import { icon } from '../icons';
import { said, text } from '../strings';
import { askGifts, type Gift, type Unit } from './catalogue';
import { Claims } from './claims';
import { giftIcon } from './gift-icon';
import { priceWords } from './gift-price';
import { refusalWords } from './list';
import { sheet } from './sheet';

/** How many can be given at a tap. */
const COUNTS = [1, 10, 66];
/** A list that is older is asked for again when the sheet opens. */
const FRESH_MS = 30_000;

/** What can be given, behind a button that is there when there is something. */
export interface GiftSheet {
  button: HTMLElement;
  element: HTMLElement;
  /** What is known of a gift. */
  find(id: string): Gift | undefined;
  render(): void;
}

export function giftSheet(chat: ChatClient, room: string, tell: (words: string) => void): GiftSheet {
  let gifts: Gift[] = [];
  let unit: Unit = { zh: '', en: '' };
  let askedAt = -FRESH_MS;
  let chosen: string | null = null;
  let times = 1;
  const claims = new Claims((gift) => chat.claim(gift));
  const cells = new Map<string, { element: HTMLButtonElement; draw: (gift: Gift) => void }>();

  const grid = h('div', { class: 'gift-grid', role: 'radiogroup' });
  const counts = COUNTS.map((value) => {
    const element = h('button', { type: 'button', role: 'radio' }, `×${value}`);
    element.addEventListener('click', () => {
      times = value;
      render();
    });
    return { value, element };
  });
  const countGroup = h(
    'div',
    { class: 'gift-counts', role: 'radiogroup' },
    ...counts.map((one) => one.element),
  );
  const note = h('p', { class: 'hint' });
  const give = h('button', { class: 'give', type: 'button' });
  const foot = h('div', { class: 'gift-foot' }, countGroup, note, give);
  const button = h('button', { class: 'tool gift-button', type: 'button' }, icon('gift'));
  const pulled = sheet('gifts', button, [grid, foot], () => {
    void load();
    render();
  });

  const load = async () => {
    if (performance.now() - askedAt < FRESH_MS) return;
    askedAt = performance.now();
    const found = await askGifts(room);
    if (found === null) askedAt = -FRESH_MS;
    else ({ gifts, unit } = found);
    render();
  };
  // Also after an outage: meanwhile the catalogue may have become another.
  chat.on('welcome', () => void load());

  const find = (id: string) => gifts.find((gift) => gift.id === id);
  const wantsClaim = (gift: Gift) => gift.claim !== 'none' && !claims.has(gift.id);
  const most = (gift: Gift) => (gift.claim === 'none' ? gift.max_count : 1);

  give.addEventListener('click', async () => {
    const gift = chosen === null ? undefined : find(chosen);
    if (!gift || chat.you?.guest) return;
    if (wantsClaim(gift)) {
      const claim = claims.claim(gift.id);
      render();
      const answer = await claim;
      if (answer === null) return;
      if (answer.t === 'ack') tell(text('claimedHint'));
      else if (answer.code === 'balance') tell(text('claimSpent'));
      else tell(said(answer));
    } else {
      chat.gift(gift.id, Math.min(times, most(gift)));
      claims.give(gift.id);
      tell('');
      give.classList.remove('beat');
      void give.offsetWidth;
      give.classList.add('beat');
    }
    render();
  });
  // The sheet lies over the line that says it too.
  chat.on('refused', (one) => one.body.kind === 'gift' && pulled.open && tell(refusalWords(one)));

  const cell = (id: string) => {
    const name = h('bdi', { class: 'gift-name', dir: 'auto' });
    const price = h('span', { class: 'gift-price' });
    const picture = giftIcon();
    const element = h('button', { type: 'button', role: 'radio' }, picture.element, name, price);
    element.addEventListener('click', () => {
      chosen = id;
      render();
    });
    const draw = (gift: Gift) => {
      picture.render(gift.icon);
      setText(name, gift.name);
      setText(price, priceWords(gift, unit, claims.has(gift.id)));
      setAttribute(element, 'aria-checked', String(id === chosen));
    };
    return { element, draw };
  };

  const render = () => {
    const on = chat.room?.state !== 'ended' && chat.room?.state !== 'banned';
    button.hidden = gifts.length === 0 || !on || chat.limits?.gifts === false;
    if (button.hidden) pulled.show(false);
    pulled.render();
    if (!pulled.open) return;
    if (chosen === null || !find(chosen)) chosen = gifts[0]?.id ?? null;
    for (const [id, { element }] of cells) if (!find(id)) (element.remove(), cells.delete(id));
    gifts.forEach((gift, place) => {
      let one = cells.get(gift.id);
      if (!one) cells.set(gift.id, (one = cell(gift.id)));
      one.draw(gift);
      if (grid.children[place] !== one.element) grid.insertBefore(one.element, grid.children[place] ?? null);
    });
    const gift = chosen === null ? undefined : find(chosen);
    const max = gift ? most(gift) : 1;
    if (times > max) times = 1;
    for (const { value, element } of counts) {
      element.hidden = value > max;
      setAttribute(element, 'aria-checked', String(value === times));
    }
    const guest = chat.you?.guest === true;
    setAttribute(grid, 'aria-label', text('gifts'));
    setAttribute(countGroup, 'aria-label', text('giveCount'));
    countGroup.hidden = guest || max < 10;
    note.hidden = !guest;
    setText(note, text('giftGuest'));
    give.hidden = guest;
    give.disabled = !gift || claims.busy || chat.status.is === 'over';
    setText(give, text(gift && wantsClaim(gift) ? 'claim' : 'give'));
  };
  return { button, element: pulled.element, find, render };
}
