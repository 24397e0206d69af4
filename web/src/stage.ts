import type { State } from './decide';
import { copy, h, setAttribute, setText } from './dom';
import { icon, setIcon, type Icon } from './icons';
import { current, text } from './strings';

/** What the viewer can do from the words over the picture. */
export interface StageActions {
  play(): void;
  reload(): void;
  /** The address for another program. */
  address(): string;
}

/** What lies over the picture: nothing while it plays, otherwise what is the matter and what helps. */
interface Words {
  art: Icon | 'spinner';
  title: string;
  hint: string;
  code: string;
  action: 'play' | 'retry' | 'copy' | null;
}

/** The picture with the words over it. */
export function stage(
  video: HTMLVideoElement,
  actions: StageActions,
): { element: HTMLElement; render: (state: State) => void } {
  const picture = icon('clock');
  const art = h('div', { class: 'art' }, h('span', { class: 'spinner' }), picture);
  const title = h('h2');
  const hint = h('p');
  const code = h('code', { translate: 'no' });
  const words = h('div', { class: 'words', role: 'status', 'aria-live': 'polite' }, title, hint, code);
  const button = h('button', { class: 'primary', type: 'button' });
  const overlay = h('div', { class: 'overlay' }, art, words, button);
  const element = h('div', { class: 'stage' }, video, overlay);

  let action: Words['action'] = null;
  let copied = false;
  let last: State = { is: 'loading' };
  button.addEventListener('click', async () => {
    if (action === 'play') actions.play();
    else if (action === 'retry') actions.reload();
    else if (action === 'copy') {
      copied = await copy(actions.address());
      render(last);
    }
  });
  const render = (state: State) => {
    if (state.is !== last.is) copied = false;
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
    const label = { play: text('play'), retry: text('retry'), copy: text(copied ? 'copied' : 'copyAddress') };
    setText(button, action ? label[action] : '');
    setAttribute(art, 'data-art', now?.art === 'spinner' ? 'spinner' : 'icon');
    if (now && now.art !== 'spinner') setIcon(picture, now.art);
  };
  return { element, render };
}

/** The words for a state. */
function describe(state: State): Words | null {
  const words = (art: Words['art'], title: string, hint = '', action: Words['action'] = null, code = '') => ({
    art,
    title,
    hint,
    action,
    code,
  });
  switch (state.is) {
    case 'playing':
      return null;
    case 'loading':
      return words('spinner', text('loading'));
    case 'connecting':
      return words('spinner', text('connecting'));
    case 'stalled':
      return words('spinner', text('stalled'));
    case 'away':
      return words('spinner', text('away'), text('awayHint'));
    case 'waiting':
      return words('clock', text('waiting'), text('waitingHint'));
    case 'ended':
      return words('moon', text('ended'), text('endedHint'));
    case 'reconnecting': {
      const said = state.refusal && (current() === 'zh' ? state.refusal.message_zh : state.refusal.message);
      return words(
        'spinner',
        text('reconnecting'),
        said || text('reconnectingHint'),
        'retry',
        state.refusal?.code,
      );
    }
    case 'refused': {
      const said = current() === 'zh' ? state.refusal.message_zh : state.refusal.message;
      return words('lock', text('refused'), said || text('refusedHint'), 'retry', state.refusal.code);
    }
    case 'unsupported': {
      const named = state.codec ? text('unsupported', state.codec) : text('unsupportedAny');
      return words('film', named, text('unsupportedHint'), 'copy');
    }
    case 'blocked':
      return words('play', text('blocked'), '', 'play');
    case 'paused':
      return words('play', text('paused'), text('pausedHint'), 'play');
  }
}
