import { copy, h, setAttribute, setText } from './dom';
import { icon, setIcon } from './icons';
import { text } from './strings';

const SHOWN_MS = 1_800;

/** An address with a button that copies it. */
export interface CopyRow {
  element: HTMLElement;
  /** Shows `value` under `label`; nothing at all for null. */
  render(label: string, value: string | null): void;
}

export function copyRow(): CopyRow {
  const label = h('span', { class: 'copy-label' });
  const value = h('code', { class: 'copy-value', dir: 'ltr', translate: 'no' });
  const picture = icon('copy');
  const words = h('span', { 'aria-live': 'polite' });
  const button = h('button', { class: 'small', type: 'button' }, picture, words);
  let said: 'copy' | 'copied' | 'copyFailed' = 'copy';
  let name = '';
  const show = () => {
    setText(words, text(said));
    setIcon(picture, said === 'copied' ? 'check' : 'copy');
    setAttribute(button, 'aria-label', `${text(said)} ${name}`);
  };
  button.addEventListener('click', async () => {
    said = (await copy(value.textContent ?? '')) ? 'copied' : 'copyFailed';
    show();
    setTimeout(() => {
      said = 'copy';
      show();
    }, SHOWN_MS);
  });
  const element = h('div', { class: 'copy-row' }, label, value, button);
  return {
    element,
    render(labelText, address) {
      element.hidden = address === null;
      name = labelText;
      setText(label, labelText);
      setText(value, address ?? '');
      show();
    },
  };
}
