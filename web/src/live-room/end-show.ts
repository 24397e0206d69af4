import type { ChatClient } from '../chat';
import { h, setAttribute, setText } from '../dom';
import { icon } from '../icons';
import { said, text } from '../strings';

/** Ends the show, as the host alone may: asked twice, because nobody can take it back from here. */
export function endShow(
  chat: ChatClient,
  tell: (words: string) => void,
): { button: HTMLButtonElement; dialog: HTMLDialogElement; render: () => void } {
  const words = h('span');
  const button = h('button', { class: 'end-show', type: 'button' }, icon('stop'), words);
  const title = h('h3', { id: 'end-show-title' });
  const hint = h('p');
  const no = h('button', { type: 'button' });
  const yes = h('button', { class: 'danger', type: 'button' });
  const choice = h('div', { class: 'choice' }, no, yes);
  const dialog = h('dialog', { class: 'ask', 'aria-labelledby': 'end-show-title' }, title, hint, choice);
  button.addEventListener('click', () => dialog.showModal());
  no.addEventListener('click', () => dialog.close());
  // Beside the words of the question.
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
  yes.addEventListener('click', async () => {
    dialog.close();
    const answer = await chat.do('end');
    if (answer.t === 'reject') tell(said(answer));
  });
  const render = () => {
    const on = chat.room?.state === 'live' || chat.room?.state === 'interrupted';
    const mine = chat.you?.role === 'host' && chat.status.is !== 'over';
    button.hidden = !on || !mine;
    // Somebody else ended it meanwhile.
    if (button.hidden && dialog.open) dialog.close();
    setText(words, text('endShow'));
    setAttribute(button, 'aria-label', text('endShow'));
    setText(title, text('endShowAsk'));
    setText(hint, text('endShowHint'));
    setText(no, text('goOn'));
    setText(yes, text('endShow'));
  };
  return { button, dialog, render };
}
