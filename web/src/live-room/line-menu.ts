import type { ChatClient, Item } from '../chat';
import { h } from '../dom';
import { said, text } from '../strings';

const MUTE_S = 600;

/** What can be done with a message: name its author, and for the host's side what keeps order. */
export function lineMenu(
  chat: ChatClient,
  mention: (name: string) => void,
  tell: (words: string) => void,
): { element: HTMLElement; open: (item: Item, at: HTMLElement) => void } {
  const element = h('div', { class: 'line-menu', role: 'menu' });
  element.hidden = true;
  let opener: HTMLElement | null = null;
  const close = () => {
    element.hidden = true;
    opener?.classList.remove('chosen');
    opener = null;
  };
  document.addEventListener('pointerdown', (event) => {
    if (!element.hidden && !element.contains(event.target as Node)) close();
  });
  document.addEventListener('keydown', (event) => event.key === 'Escape' && close());

  const order = async (what: string, more: object) => {
    const answer = await chat.do(what, more);
    if (answer.t === 'ack') tell(text('orderDone'));
    else tell(said(answer));
  };
  const item = (words: string, act: () => void, danger = false) => {
    const button = h('button', { type: 'button', role: 'menuitem' }, words);
    if (danger) button.dataset.danger = 'true';
    button.addEventListener('click', () => {
      close();
      act();
    });
    return button;
  };

  const open = (said: Item, at: HTMLElement) => {
    const { you } = chat;
    const from = said.from;
    if (!you || you.guest || !from || !Number.isInteger(said.seq)) return;
    const own = from.id === you.id;
    const crew = you.role !== 'viewer';
    const entries: HTMLElement[] = [];
    if (!own) entries.push(item(text('mention'), () => mention(from.name)));
    if (crew) {
      entries.push(item(text('pin'), () => void order('pin', { seq: said.seq })));
      entries.push(item(text('recall'), () => void order('recall', { seq: said.seq })));
      if (!own && from.role === 'viewer') {
        const user = from.id;
        entries.push(item(text('mute10'), () => void order('mute', { user, seconds: MUTE_S })));
        entries.push(item(text('ban'), () => void order('ban', { user }), true));
      }
    }
    if (entries.length === 0) return;
    element.replaceChildren(...entries);
    element.hidden = false;
    opener?.classList.remove('chosen');
    opener = at;
    at.classList.add('chosen');
    const box = at.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = element;
    const above = box.top - height - 6;
    element.style.left = `${Math.max(8, Math.min(box.left + 10, innerWidth - width - 8))}px`;
    element.style.top = `${above > 8 ? above : Math.min(box.bottom + 6, innerHeight - height - 8)}px`;
  };
  return { element, open };
}
