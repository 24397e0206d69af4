import type { ChatClient } from '../chat';
import { copy, h, setAttribute, setText } from '../dom';
import { count } from '../format';
import { icon } from '../icons';
import { current, text } from '../strings';
import { avatar } from './avatar';
import { endShow } from './end-show';

/** Whose show it is, what it is called, and how many are here. */
export function hostBar(
  chat: ChatClient,
  tell: (words: string) => void,
): { element: HTMLElement; render: () => void } {
  const face = avatar();
  const name = h('bdi', { class: 'host-name', dir: 'auto' });
  const title = h('h1', { dir: 'auto' });
  const badge = h('span', { class: 'badge' });
  const people = h('span');
  const crowd = h('span', { class: 'crowd' }, icon('people'), people);
  const back = h('a', { class: 'out', href: '/' }, icon('close'));
  const share = h('button', { class: 'round', type: 'button' }, icon('share'));
  share.addEventListener('click', async () => {
    const url = location.href.split('#')[0] ?? '';
    chat.count('share');
    try {
      if (navigator.share) await navigator.share({ title: chat.room?.title, url });
      else if (await copy(url)) tell(text('linkCopied'));
    } catch {
      // Closed without sharing.
    }
  });
  const end = endShow(chat, tell);
  const element = h(
    'header',
    { class: 'host-bar' },
    face.element,
    h('div', { class: 'host-words' }, title, h('div', { class: 'meta' }, name, badge)),
    crowd,
    end.button,
    share,
    back,
    end.dialog,
  );
  const render = () => {
    const { room, counters } = chat;
    element.hidden = !room;
    end.render();
    if (!room) return;
    face.render(room.host);
    setText(name, room.host.name);
    setText(title, room.title);
    const on = room.state === 'live' || room.state === 'interrupted';
    const over = room.state === 'ended' || room.state === 'banned';
    setText(badge, text(on ? 'live' : over ? 'over' : 'offAir'));
    setAttribute(badge, 'data-on', String(on));
    const number = count(counters.online, current() === 'zh');
    setText(people, number);
    setAttribute(crowd, 'title', text('online', number));
    setAttribute(crowd, 'aria-label', text('online', number));
    setAttribute(share, 'aria-label', text('shareRoom'));
    setAttribute(share, 'title', text('shareRoom'));
    setAttribute(back, 'aria-label', text('back'));
  };
  return { element, render };
}
