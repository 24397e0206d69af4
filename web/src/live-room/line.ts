import type { Item, Outgoing, Role } from '../chat';
import { h } from '../dom';
import { text, type Key } from '../strings';
import { tone, webAddress } from './avatar';
import { giftIcon } from './gift-icon';

/** A line of the chat with what it shows of its way. */
export interface Line {
  element: HTMLLIElement;
  /** What is shown under it; empty: nothing. */
  status(words: string, actions: { again: boolean; remove: boolean }): void;
  state(state: 'shown' | 'waiting' | 'refused'): void;
}

/** What one can do with a line. */
export interface LineActions {
  open(item: Item, element: HTMLElement): void;
  again(): void;
  remove(): void;
}

const EVENTS: Record<string, Key> = {
  live: 'showLive',
  interrupted: 'showInterrupted',
  ended: 'showEnded',
  banned: 'showBanned',
};

/** The words of an event; null for one that is not told. */
export function eventWords(item: Item, you: string | undefined): string | null {
  const mine = item.user != null && item.user === you;
  switch (item.event) {
    case 'state':
      return item.state && EVENTS[item.state] ? text(EVENTS[item.state] as Key) : null;
    case 'muted':
      return text(mine ? 'youMuted' : 'wasMuted');
    case 'unmuted':
      return text(mine ? 'youUnmuted' : 'wasUnmuted');
    case 'removed':
      return text('wasRemoved');
    case 'silence':
      return text(item.on ? 'silenceOn' : 'silenceOff');
    default:
      return null;
  }
}

/** Makes a line of an item. Whatever people wrote goes in as text, each in a box of its own writing direction. */
export function itemLine(item: Item, you: string | undefined, actions: LineActions): Line {
  if (item.kind === 'event') return shell('event', [h('span', {}, eventWords(item, you) ?? '')], actions);
  const mine = item.from?.id === you;
  const line = shell(item.kind, spoken(item, mine), actions);
  if (mine) line.element.dataset.mine = 'true';
  line.element.addEventListener('click', (event) => {
    if (!(event.target instanceof Element) || !event.target.closest('a, button'))
      actions.open(item, line.element);
  });
  return line;
}

/** The line where messages are missing. */
export function holeLine(): Line {
  const nothing = { open: () => undefined, again: () => undefined, remove: () => undefined };
  return shell('event', [h('span', {}, text('hole'))], nothing);
}

/** Makes a line of what was just said here. */
export function outgoingLine(
  one: Outgoing,
  name: string,
  role: Role,
  id: string,
  actions: LineActions & { gift(id: string, count: number): Item['gift'] },
): Line {
  const from = { id, name, avatar: '', role };
  const { body } = one;
  const gift = body.kind === 'gift' ? actions.gift(body.gift, body.count) : undefined;
  const item = { ...body, gift, kind: body.kind ?? 'text', seq: 0, at: one.at, from } as Item;
  const line = shell(item.kind, spoken(item, true), actions);
  line.element.dataset.mine = 'true';
  return line;
}

function spoken(item: Item, mine: boolean): Node[] {
  const all: Node[] = [];
  const { from } = item;
  if (item.kind === 'notice') all.push(h('b', { class: 'role', 'data-role': 'notice' }, text('notice')));
  else if (from && from.role !== 'viewer')
    all.push(h('b', { class: 'role', 'data-role': from.role }, text(from.role)));
  if (from) {
    const attributes = { class: 'name', dir: 'auto', 'data-tone': mine ? 'mine' : String(tone(from.name)) };
    all.push(h('bdi', attributes, from.name || text('you')));
  }
  all.push(h('bdi', { class: 'said', dir: 'auto' }, ...said(item)));
  return all;
}

function said(item: Item): (Node | string)[] {
  if (item.kind === 'image') {
    const url = webAddress(item.url ?? '');
    const words = text('image');
    if (url === null) return [words];
    // Behind a tap: a picture that loads by itself tells its server who is watching.
    return [h('a', { class: 'link', href: url, target: '_blank', rel: 'noopener noreferrer' }, words)];
  }
  if (item.kind === 'custom') return [text('custom')];
  if (item.kind === 'gift') return gave(item.gift);
  return [item.text ?? ''];
}

function gave(gift: Item['gift']): Node[] {
  const picture = giftIcon();
  picture.render(gift?.icon ?? '');
  const { name = '', count = 1, combo = 1 } = gift ?? {};
  const all: Node[] = [h('span', {}, text('gave', name, count)), picture.element];
  if (combo > count) all.push(h('b', { class: 'combo' }, text('combo', combo)));
  return all;
}

function shell(kind: string, children: Node[], actions: LineActions): Line {
  const words = h('span', { class: 'why' });
  const again = h('button', { class: 'mini', type: 'button' });
  const remove = h('button', { class: 'mini', type: 'button' });
  again.addEventListener('click', () => actions.again());
  remove.addEventListener('click', () => actions.remove());
  const foot = h('span', { class: 'fate' }, words, again, remove);
  foot.hidden = true;
  const element = h('li', { class: 'said-line', 'data-kind': kind }, ...children, foot);
  return {
    element,
    status(what, buttons) {
      foot.hidden = what === '';
      words.textContent = what;
      again.hidden = !buttons.again;
      remove.hidden = !buttons.remove;
      again.textContent = text('sendAgain');
      remove.textContent = text('remove');
    },
    state(state) {
      element.dataset.state = state;
    },
  };
}
