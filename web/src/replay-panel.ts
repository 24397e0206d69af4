import { copyRow } from './copy-row';
import { h, setAttribute, setText } from './dom';
import { clock, picture, sound } from './format';
import { icon } from './icons';
import { figure } from './panel';
import type { ReplayRoom } from './replay';
import { text } from './strings';

const NOTHING = '–';

/** What a replay is, how to pass it on, and its addresses. `page` is its own address, from a second on or from its beginning. */
export function replayPanel(
  room: ReplayRoom,
  page: (at: number | null) => string,
): { element: HTMLElement; render: () => void } {
  const aboutTitle = h('h2');
  const length = figure('wide');
  const image = figure('wide');
  const audio = figure('wide');
  const all = [length, image, audio];

  const keepTitle = h('h2');
  const here = h('input', { type: 'checkbox' });
  const hereWords = h('span');
  const fromHere = h('label', { class: 'tick' }, here, hereWords);
  const link = copyRow();
  const shareWords = h('span');
  const share = h('button', { class: 'secondary', type: 'button' }, icon('share'), shareWords);
  const downloadWords = h('span');
  const download = h('a', { class: 'secondary' }, icon('download'), downloadWords);

  const pair = h('div', { class: 'pair' }, share, download);

  const addressTitle = h('h2');
  const addressHint = h('p', { class: 'hint' });
  const hls = copyRow();
  const mp4 = copyRow();
  const addresses = h(
    'section',
    {},
    addressTitle,
    addressHint,
    h('div', { class: 'rows' }, hls.element, mp4.element),
  );
  const element = h(
    'aside',
    { class: 'panel' },
    h('section', {}, aboutTitle, h('dl', { class: 'figures' }, ...all.map((one) => one.element))),
    h('section', {}, keepTitle, h('div', { class: 'rows' }, link.element, fromHere, pair)),
    addresses,
  );

  const shared = () => page(here.checked ? Math.floor(room.timeline?.position ?? 0) : null);
  share.addEventListener('click', () => {
    // A viewer who closes the sheet again has not failed at anything.
    navigator.share?.({ title: document.title, url: shared() }).catch(() => undefined);
  });
  here.addEventListener('change', () => render());

  const render = () => {
    const { show } = room;
    element.hidden = show === null;
    if (!show) return;
    const position = Math.floor(room.timeline?.position ?? 0);
    setText(aboutTitle, text('about'));
    length.render(text('length'), clock(room.timeline?.end ?? 0));
    image.render(text('pictureLabel'), picture(show) ?? NOTHING);
    audio.render(text('soundLabel'), sound(show) ?? NOTHING);
    setText(keepTitle, text('keep'));
    link.render(text('pageAddress'), shared());
    setText(hereWords, text('shareHere', clock(position)));
    share.hidden = !navigator.share;
    setText(shareWords, text('share'));
    download.hidden = !show.urls.mp4 || show.recording;
    setAttribute(download, 'href', show.urls.mp4);
    setAttribute(download, 'download', `${show.title || show.stream}.mp4`);
    pair.hidden = share.hidden && download.hidden;
    setText(downloadWords, text('download'));
    setText(addressTitle, text('addresses'));
    setText(addressHint, text('replayAddressesHint'));
    addresses.hidden = !show.urls.hls && !show.urls.mp4;
    hls.render('HLS', whole(show.urls.hls));
    mp4.render('MP4', show.recording ? null : whole(show.urls.mp4));
  };
  return { element, render };
}

function whole(path: string | null): string | null {
  return path && new URL(path, location.href).href;
}
