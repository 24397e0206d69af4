import type { ChatClient } from '../chat';
import { h, setAttribute, setText } from '../dom';
import { clock } from '../format';
import { icon } from '../icons';
import { text } from '../strings';

/** Where one writes. What is refused comes back here. */
export interface Composer {
  element: HTMLElement;
  render(): void;
  /** Puts somebody's name in. */
  mention(name: string): void;
}

export function composer(chat: ChatClient): Composer {
  const input = h('input', {
    type: 'text',
    class: 'say',
    autocomplete: 'off',
    enterkeyhint: 'send',
    maxlength: '2000',
  });
  const sendWords = h('span');
  const send = h('button', { class: 'send', type: 'submit' }, icon('send'), sendWords);
  const hint = h('p', { class: 'blocked' });
  const element = h('form', { class: 'composer' }, hint, input, send);
  /** When the next message may pass, by the clock here. */
  let freeAt = 0;

  element.addEventListener('submit', (event) => {
    event.preventDefault();
    const words = input.value.trim();
    if (words === '' || Date.now() < freeAt || obstacle() !== null) return;
    // The same again, changed or not: the refused line has done its duty.
    for (const one of chat.outgoing) if (one.state === 'refused') chat.dismiss(one.cid);
    input.value = '';
    const slow = chat.you?.role === 'viewer' ? (chat.limits?.slow_ms ?? 0) : 0;
    if (slow > 0) freeAt = Date.now() + slow;
    chat.say(words);
    render();
  });
  input.addEventListener('input', () => render());
  chat.on('refused', (one) => {
    if (!('text' in one.body)) return;
    // What somebody will look at first was not refused for good.
    const held = one.refusal?.code === 'held_for_review';
    if (input.value === '' && !held) input.value = one.body.text;
    if (one.retryAt !== null && one.refusal?.code !== 'duplicate') freeAt = Math.max(freeAt, one.retryAt);
    render();
  });

  /** Why one cannot write at all. */
  const obstacle = (): string | null => {
    const { you, room, muted } = chat;
    if (room?.state === 'ended' || room?.state === 'banned') return text('closedHint');
    if (you?.guest) return text('guestHint');
    if (muted) {
      const left = muted.until === null ? null : (muted.until - chat.serverNow) / 1_000;
      if (left === null) return text('mutedHint');
      if (left > 0) return text('mutedFor', clock(Math.ceil(left)));
    }
    if (chat.silent && you?.role === 'viewer') return text('silentHint');
    return null;
  };

  const render = () => {
    const why = obstacle();
    hint.hidden = why === null;
    input.hidden = send.hidden = why !== null;
    setText(hint, why ?? '');
    setAttribute(input, 'placeholder', text('say'));
    setAttribute(input, 'aria-label', text('say'));
    const left = Math.ceil((freeAt - Date.now()) / 1_000);
    setText(sendWords, left > 0 ? text('sendIn', left) : text('send'));
    send.disabled = left > 0 || input.value.trim() === '';
  };
  const mention = (name: string) => {
    input.value = `${input.value}@${name} `;
    input.focus();
    render();
  };
  return { element, render, mention };
}
