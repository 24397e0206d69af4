import { getAs, isObject } from './api';
import type { Item } from './chat';
import { h, setText } from './dom';
import { itemLine } from './live-room/line';
import { session } from './live-room/session';
import { ReplayChat, type Page } from './replay-chat';
import { text } from './strings';

/** The chat of a room beside a replay of its show. `moment` says where the picture is, in milliseconds since 1970. */
export function replayChatPanel(
  room: string,
  moment: () => number | null,
): { element: HTMLElement; render: () => void } {
  const title = h('h2');
  const list = h('ol', { class: 'lines', role: 'log', tabindex: '0' });
  const element = h('section', { class: 'chat over' }, h('div', { class: 'chat-head' }, title), list);
  element.hidden = true;
  // Whoever comes from the room's page is who they were there.
  const { token } = session({ id: room, query: '' });
  const load = async (from: number, to: number, after: number | null): Promise<Page> => {
    const behind = after === null ? '' : `&after_seq=${after}`;
    const address = `/api/v1/rooms/${room}/replay-chat?from=${from}&to=${to}${behind}`;
    const { ok, body } = await getAs(token, address);
    if (!ok || !isObject(body) || !Array.isArray(body.items)) throw new Error('no chat');
    return { items: body.items as Item[], more: body.more === true };
  };
  const chat = new ReplayChat(load, () => render());
  const nothing = { open: () => undefined, again: () => undefined, remove: () => undefined };
  let shown: number[] = [];
  const render = () => {
    setText(title, text('chat'));
    const at = moment();
    if (at === null) return;
    const items = chat.at(at);
    const numbers = items.map((item) => item.seq);
    if (numbers.join() === shown.join()) return;
    // Mostly one more at the end; a jump changes all of them.
    const grows = shown.length > 0 && shown.every((seq, i) => numbers[i] === seq);
    const fresh = (grows ? items.slice(shown.length) : items).map(
      (item) => itemLine(item, undefined, nothing).element,
    );
    if (grows) list.append(...fresh);
    else list.replaceChildren(...fresh);
    shown = numbers;
    element.hidden = false;
    list.scrollTop = list.scrollHeight;
  };
  return { element, render };
}
