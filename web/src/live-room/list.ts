import type { ChatClient, Item, Outgoing } from '../chat';
import { h, setText } from '../dom';
import { icon } from '../icons';
import { current, said, text } from '../strings';
import { goesOn } from './gift-rows';
import { Holes } from './holes';
import { eventWords, holeLine, itemLine, outgoingLine, type Line } from './line';

/** Whoever is this near to the newest line is taken along by the next one. */
const NEAR_PX = 48;

/** The lines of the chat: it follows the newest, unless somebody looks at older ones. */
export function chatList(
  chat: ChatClient,
  open: (item: Item, element: HTMLElement) => void,
  gift: (id: string, count: number) => Item['gift'],
): { element: HTMLElement; render: () => void } {
  const list = h('ol', { class: 'lines', role: 'log', 'aria-live': 'polite', tabindex: '0' });
  const empty = h('p', { class: 'hint nothing' });
  const chipWords = h('span');
  const chip = h('button', { class: 'newer', type: 'button' }, icon('down'), chipWords);
  chip.hidden = true;
  const element = h('div', { class: 'scroll' }, list, empty, chip);
  const lines = new Map<string, Line>();
  const holes = new Holes();
  chat.on('hole', () => holes.add(chat.seq));
  let follows = true;
  let unseen = 0;
  let language = current();

  const toEnd = () => (list.scrollTop = list.scrollHeight);
  const near = () => list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_PX;
  list.addEventListener('scroll', () => {
    follows = near();
    if (follows) unseen = 0;
    drawChip();
  });
  chip.addEventListener('click', () => {
    follows = true;
    unseen = 0;
    toEnd();
    drawChip();
  });
  // A keyboard that opens makes it lower.
  new ResizeObserver(() => follows && toEnd()).observe(list);
  const drawChip = () => {
    chip.hidden = unseen === 0;
    setText(chipWords, text('newMessages', unseen > 99 ? '99+' : unseen));
  };

  const make = (item: Item): Line => {
    const drop = () => undefined;
    return itemLine(item, chat.you?.id, { open, again: drop, remove: drop });
  };
  const makeOwn = (one: Outgoing): Line => {
    const you = chat.you;
    return outgoingLine(one, you?.name || text('you'), you?.role ?? 'viewer', you?.id ?? '', {
      open: () => undefined,
      again: () => chat.retry(one.cid),
      remove: () => chat.dismiss(one.cid),
      gift,
    });
  };

  const render = () => {
    if (language !== current()) {
      language = current();
      lines.forEach((line) => line.element.remove());
      lines.clear();
    }
    const first = lines.size === 0;
    const wanted: [string, Line][] = [];
    let added = 0;
    const place = (key: string, made: () => Line) => {
      let line = lines.get(key);
      if (!line) {
        line = made();
        added++;
      }
      wanted.push([key, line]);
      return line;
    };
    const missing = holes.before(chat.lines, chat.seq);
    let before = 0;
    for (const [number, item] of chat.lines.entries()) {
      if (missing.has(item.seq)) place(`h${item.seq}`, holeLine).state('shown');
      if (goesOn(item, chat.lines[number + 1])) {
        before += item.gift?.count ?? 0;
        continue;
      }
      const { gift } = item;
      const sum = gift && { ...gift, count: gift.count + before };
      before = 0;
      if (item.kind === 'event' && eventWords(item, chat.you?.id) === null) continue;
      place(`s${item.seq}`, () => make(sum ? { ...item, gift: sum } : item)).state('shown');
    }
    for (const one of chat.outgoing) {
      const line = place(`c${one.cid}`, () => makeOwn(one));
      const refused = one.state === 'refused' && one.refusal?.code !== 'held_for_review';
      line.state(refused ? 'refused' : 'waiting');
      drawFate(line, one);
    }
    const keys = new Set(wanted.map(([key]) => key));
    for (const [key, line] of lines) {
      if (keys.has(key)) continue;
      line.element.remove();
      lines.delete(key);
      // What was said here moves from one to the other.
      if (key.startsWith('c')) added--;
    }
    let last: Element | null = null;
    for (const [key, line] of wanted) {
      const next: Element | null = last ? last.nextElementSibling : list.firstElementChild;
      if (next !== line.element) list.insertBefore(line.element, next);
      lines.set(key, line);
      last = line.element;
    }
    const own = chat.outgoing.some((one) => one.state === 'waiting');
    if (follows || own) {
      follows = true;
      toEnd();
    } else if (!first) unseen += Math.max(0, added);
    empty.hidden = wanted.length > 0 || chat.status.is !== 'open';
    setText(empty, text('emptyChat'));
    drawChip();
  };

  const drawFate = (line: Line, one: Outgoing) => {
    if (one.state !== 'refused') return line.status('', { again: false, remove: false });
    const left = one.retryAt === null ? null : Math.ceil((one.retryAt - Date.now()) / 1_000);
    const why = refusalWords(one);
    const wait = left !== null && left > 0 ? ` · ${text('sendAgainIn', left)}` : '';
    line.status(why + wait, { again: left !== null && left <= 0, remove: true });
  };
  return { element, render };
}

/** Why something was refused, in the reader's language. */
export function refusalWords({ refusal }: Outgoing): string {
  if (!refusal) return '';
  return said(refusal) || refusal.code;
}
