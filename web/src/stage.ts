import { copy, h, setAttribute, setText } from './dom';
import { icon, setIcon, type Icon } from './icons';
import { text } from './strings';

/** What the viewer can do from the words over the picture. */
export interface StageActions {
  play(): void;
  reload(): void;
  /** The address for another program. */
  address(): string;
}

/** What lies over the picture: nothing while it plays, otherwise what is the matter and what helps. */
export interface Words {
  art: Icon | 'spinner';
  title: string;
  hint: string;
  code: string;
  action: 'play' | 'retry' | 'copy' | 'list' | null;
}

/** Words of which only the first two must be given. */
export function words(
  art: Words['art'],
  title: string,
  hint = '',
  action: Words['action'] = null,
  code = '',
): Words {
  return { art, title, hint, action, code };
}

/** The picture with the words over it; `describe` gives those of a state, and null where the picture says it all. */
export function stage<S extends { is: string }>(
  video: HTMLVideoElement,
  actions: StageActions,
  describe: (state: S) => Words | null,
): { element: HTMLElement; render: (state: S) => void } {
  const picture = icon('clock');
  const art = h('div', { class: 'art' }, h('span', { class: 'spinner' }), picture);
  const title = h('h2');
  const hint = h('p');
  const code = h('code', { translate: 'no' });
  const said = h('div', { class: 'words', role: 'status', 'aria-live': 'polite' }, title, hint, code);
  const button = h('button', { class: 'primary', type: 'button' });
  const overlay = h('div', { class: 'overlay' }, art, said, button);
  const element = h('div', { class: 'stage' }, video, overlay);

  let action: Words['action'] = null;
  let copied = false;
  let last: S | null = null;
  button.addEventListener('click', async () => {
    if (action === 'play') actions.play();
    else if (action === 'retry') actions.reload();
    else if (action === 'list') location.assign('/');
    else if (action === 'copy') {
      copied = await copy(actions.address());
      if (last) render(last);
    }
  });
  const render = (state: S) => {
    if (state.is !== last?.is) copied = false;
    last = state;
    const now = describe(state);
    setAttribute(element, 'data-state', state.is);
    overlay.hidden = now === null;
    setText(title, now?.title ?? '');
    setText(hint, now?.hint ?? '');
    setText(code, now?.code ?? '');
    code.hidden = !now?.code;
    action = now?.action ?? null;
    button.hidden = action === null;
    const label = {
      play: text('play'),
      retry: text('retry'),
      copy: text(copied ? 'copied' : 'copyAddress'),
      list: text('allLive'),
    };
    setText(button, action ? label[action] : '');
    setAttribute(art, 'data-art', now?.art === 'spinner' ? 'spinner' : 'icon');
    if (now && now.art !== 'spinner') setIcon(picture, now.art);
  };
  return { element, render };
}
