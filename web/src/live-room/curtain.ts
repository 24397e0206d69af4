import type { ChatClient } from '../chat';
import { h, setAttribute, setText } from '../dom';
import { clock, count, day } from '../format';
import { icon } from '../icons';
import { current, said, text } from '../strings';
import { avatar, webAddress } from './avatar';
import { ending } from './ending';

/** What stands in place of the picture before the show and after it, and when there is no way in. */
export function curtain(actions: { asGuest(): void; comeBack(): void; allLive(): void }): {
  element: HTMLElement;
  /** Returns whether it covers the picture. `replay` is the page of the show's replay, where there is one. */
  render: (chat: ChatClient, replay: string | null) => boolean;
} {
  const cover = h('img', { class: 'curtain-cover', alt: '', referrerpolicy: 'no-referrer' });
  const face = avatar();
  const title = h('h2');
  const hint = h('p');
  const units = (['days', 'hours', 'minutes', 'secondsUnit'] as const).map((unit) => {
    const value = h('b');
    const word = h('span');
    const box = h('div', {}, value, word);
    return { unit, value, word, box };
  });
  const countdown = h('div', { class: 'countdown' }, ...units.map((one) => one.box));
  const lastedValue = h('b');
  const lastedWord = h('span');
  const likesValue = h('b');
  const likesWord = h('span');
  const sums = h(
    'div',
    { class: 'countdown sums' },
    h('div', {}, lastedValue, lastedWord),
    h('div', {}, likesValue, likesWord),
  );
  const button = h('button', { class: 'primary', type: 'button' });
  let act = () => undefined as void;
  button.addEventListener('click', () => act());
  const again = h('a', { class: 'primary replay-link' }, icon('play'), h('span'));
  const body = h(
    'div',
    { class: 'curtain-words' },
    face.element,
    title,
    hint,
    countdown,
    sums,
    again,
    button,
  );
  const element = h('div', { class: 'curtain', role: 'status' }, cover, body);

  const show = (words: string, more: string, action: keyof typeof actions | null = null) => {
    setText(title, words);
    setText(hint, more);
    hint.hidden = more === '';
    button.hidden = action === null;
    if (action) {
      setText(button, text(action));
      act = actions[action];
    }
  };

  const render = (chat: ChatClient, replay: string | null): boolean => {
    const { room, status } = chat;
    const url = webAddress(room?.cover ?? '');
    cover.hidden = url === null;
    if (cover.getAttribute('src') !== url) setAttribute(cover, 'src', url);
    face.element.hidden = !room;
    if (room) face.render(room.host);
    countdown.hidden = sums.hidden = again.hidden = true;
    element.hidden = false;
    if (status.is === 'over') {
      const { title, hint, said: says, action } = ending(status.bye, status.inside, chat.you !== null);
      const words = (says && said(status.bye)) || (hint === null ? '' : text(hint));
      if (title === null) show(words || status.bye.code, '', action);
      else show(text(title), words, action);
      return true;
    }
    if (room?.state === 'ended' || room?.state === 'banned') {
      show(text(room.state === 'ended' ? 'showOver' : 'showBanned'), room.title);
      const lasted = room.live_at !== null && room.ended_at !== null ? room.ended_at - room.live_at : null;
      sums.hidden = lasted === null;
      setText(lastedValue, clock((lasted ?? 0) / 1_000));
      setText(lastedWord, text('lasted'));
      setText(likesValue, count(chat.counters.likes, current() === 'zh'));
      setText(likesWord, text('likesTotal'));
      again.hidden = replay === null;
      setAttribute(again, 'href', replay);
      if (again.lastElementChild) setText(again.lastElementChild, text('watchReplay'));
      return true;
    }
    if (room?.state === 'scheduled') {
      const left = room.starts_at === null ? null : Math.ceil((room.starts_at - chat.serverNow) / 1_000);
      countdown.hidden = left === null || left <= 0;
      const at = room.starts_at === null ? null : day(new Date(room.starts_at).toISOString(), current());
      if (left !== null && left > 0 && at) {
        show(text('starts', at), text('stayHint'));
        const values = [
          Math.floor(left / 86_400),
          Math.floor(left / 3_600) % 24,
          Math.floor(left / 60) % 60,
          left % 60,
        ];
        units.forEach(({ unit, value, word, box }, i) => {
          box.hidden = unit === 'days' && values[0] === 0;
          setText(value, String(values[i]).padStart(2, '0'));
          setText(word, text(unit));
        });
      } else show(text(left === null ? 'notStarted' : 'startsSoon'), text('stayHint'));
      return true;
    }
    element.hidden = true;
    return false;
  };
  return { element, render };
}
