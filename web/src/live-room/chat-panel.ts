import type { ChatClient, Entered } from '../chat';
import { h, setAttribute, setText } from '../dom';
import { count } from '../format';
import { icon } from '../icons';
import { current, text } from '../strings';
import { composer } from './composer';
import { giftSheet } from './gift-sheet';
import { hearts } from './hearts';
import { lineMenu } from './line-menu';
import { chatList } from './list';
import { shelf } from './shelf';

/** How long it is told who came in. */
const ENTERED_MS = 3_500;

/** The chat: pinned words, lines, who comes, where one writes, and the like button. */
export function chatPanel(
  chat: ChatClient,
  room: string,
): {
  element: HTMLElement;
  render: () => void;
  /** Tells the viewer something in passing. */
  tell: (words: string) => void;
} {
  const toast = h('p', { class: 'toast', role: 'status' });
  toast.hidden = true;
  let toastTimer = 0;
  const tell = (words: string) => {
    setText(toast, words);
    toast.hidden = words === '';
    clearTimeout(toastTimer);
    toastTimer = window.setTimeout(() => (toast.hidden = true), ENTERED_MS);
  };

  const writing = composer(chat);
  const menu = lineMenu(chat, writing.mention, tell);
  const gifts = giftSheet(chat, room, tell);
  const goods = shelf(chat, room, tell);
  const list = chatList(chat, menu.open, (id, times) => {
    const { name = id, icon = '', price = 0 } = gifts.find(id) ?? {};
    return { id, name, icon, count: times, combo: times, price };
  });

  const pinnedWords = h('bdi', { class: 'said', dir: 'auto' });
  const pinnedName = h('bdi', { class: 'name', dir: 'auto' });
  const unpin = h('button', { class: 'mini', type: 'button' });
  unpin.addEventListener('click', () => void chat.do('unpin'));
  const pinned = h('div', { class: 'pinned' }, icon('pin'), h('p', {}, pinnedName, pinnedWords), unpin);

  const title = h('h2');
  const state = h('span', { class: 'state', role: 'status' });
  const head = h('div', { class: 'chat-head' }, title, state);

  const entered = h('p', { class: 'entered', 'aria-hidden': 'true' });
  let enteredTimer = 0;
  chat.on('entered', (who) => {
    setText(entered, enteredWords(who));
    setAttribute(entered, 'data-on', 'true');
    clearTimeout(enteredTimer);
    enteredTimer = window.setTimeout(() => setAttribute(entered, 'data-on', 'false'), ENTERED_MS);
  });

  const sky = hearts();
  const total = h('span', { class: 'total' });
  const like = h('button', { class: 'like', type: 'button' }, icon('heart'), total);
  /** Taps that no counter has in it yet. */
  let taps = 0;
  let known: number | null = null;
  like.addEventListener('click', () => {
    chat.like();
    taps++;
    sky.rise();
    like.classList.remove('beat');
    void like.offsetWidth;
    like.classList.add('beat');
    drawLikes();
  });
  const drawLikes = () => {
    setText(total, count((known ?? 0) + taps, current() === 'zh'));
  };

  const foot = h('div', { class: 'foot' }, writing.element, goods.button, gifts.button, like, sky.element);
  const element = h(
    'section',
    { class: 'chat' },
    head,
    pinned,
    list.element,
    entered,
    goods.card,
    foot,
    goods.element,
    gifts.element,
    toast,
    menu.element,
  );

  const render = () => {
    const { counters, room, status } = chat;
    setText(title, text('chat'));
    const away = room !== null && (status.is === 'waiting' || status.is === 'connecting');
    setText(state, away ? text('reconnectingChat') : '');
    setAttribute(state, 'data-away', String(away));
    pinned.hidden = !chat.pinned;
    setText(pinnedName, chat.pinned?.from?.name ?? '');
    setText(pinnedWords, chat.pinned?.text ?? '');
    unpin.hidden = !chat.you || chat.you.role === 'viewer';
    setText(unpin, text('unpin'));
    if (room && counters.likes !== known) {
      const more = known === null ? 0 : Math.max(0, counters.likes - known);
      if (more > taps) sky.others(more - taps);
      taps = Math.max(0, taps - more);
      known = counters.likes;
    }
    like.hidden = chat.limits?.likes === false;
    setAttribute(like, 'aria-label', text('like'));
    setAttribute(like, 'title', text('like'));
    drawLikes();
    writing.render();
    gifts.render();
    goods.render();
    list.render();
  };
  return { element, render, tell };
}

/** `小红 等 39 人进入直播间`. */
function enteredWords({ names, count: all }: Entered): string {
  const first = names[0];
  if (first === undefined) return all > 1 ? text('joinedCount', all) : text('joinedGuest');
  return all > 1 ? text('joinedMany', first, all) : text('joinedOne', first);
}
