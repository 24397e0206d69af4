import { addresses } from './address';
import type { Line } from './choose';
import { copyRow } from './copy-row';
import { h, setAttribute, setText } from './dom';
import { bitrate, count, picture, sound } from './format';
import type { LiveRoom } from './room';
import { current, text } from './strings';

const NOTHING = '–';
const LINES: [Line, string][] = [
  ['http', 'HTTP-FLV'],
  ['ws', 'WS-FLV'],
  ['hls', 'HLS'],
];

/** The figures, the choice of the protocol, and the addresses. */
export function panel(room: () => LiveRoom): { element: HTMLElement; render: () => void } {
  const figuresTitle = h('h2');
  const watching = figure();
  const delay = figure();
  const stalls = figure();
  const rate = figure();
  const image = figure('wide');
  const audio = figure('wide');
  const all = [watching, delay, stalls, rate, image, audio];
  const figures = h('dl', { class: 'figures' }, ...all.map((one) => one.element));

  const lineTitle = h('h2', { id: 'line' });
  const choices = LINES.map(([line, name]) => choice(line, name, () => room().use(line)));
  const line = h(
    'div',
    { class: 'segmented', role: 'group', 'aria-labelledby': 'line' },
    ...choices.map((one) => one.element),
  );

  const addressTitle = h('h2');
  const addressHint = h('p', { class: 'hint' });
  const rows = [copyRow(), copyRow(), copyRow(), copyRow()] as const;
  const numbers = h('section', {}, figuresTitle, figures);
  const element = h(
    'aside',
    { class: 'panel' },
    numbers,
    h('section', { class: 'line' }, lineTitle, line),
    h(
      'section',
      {},
      addressTitle,
      addressHint,
      h('div', { class: 'rows' }, ...rows.map((row) => row.element)),
    ),
  );

  const render = () => {
    const { live, behind, state, line: inUse, rewound } = room();
    const now = performance.now();
    const on = state.is === 'playing' || state.is === 'stalled';
    // Addresses that are refused help nobody, and a column of dashes neither.
    element.hidden = state.is === 'refused';
    numbers.hidden = !live?.on_air && !on;
    setText(figuresTitle, text('figures'));
    watching.render(text('watching'), live ? count(live.viewers, current() === 'zh') : NOTHING);
    const known = on && behind !== null && !rewound;
    const word = (behind ?? 0) < 1 ? 'delayLow' : (behind ?? 0) <= 2.5 ? 'delayNormal' : 'delayHigh';
    delay.render(
      text('delay'),
      known ? text('seconds', behind.toFixed(1)) : NOTHING,
      known ? text(word) : rewound ? text('rewound') : '',
    );
    const times = room().stalls.count(now);
    const still = (room().stalls.totalMs(now) / 1_000).toFixed(1);
    const stallWords = times > 0 ? text('stallsTime', still) : on ? text('noStalls') : '';
    stalls.render(text('stalls'), text('stallsValue', times), stallWords);
    rate.render(text('rate'), (live?.on_air && bitrate(live.bitrate_kbps)) || NOTHING);
    image.render(text('pictureLabel'), (live && picture(live)) || NOTHING);
    audio.render(text('soundLabel'), (live && sound(live)) || NOTHING);
    setText(lineTitle, text('line'));
    const hls = Boolean(live?.urls.hls);
    const flv = !live || Boolean(live.urls.flv);
    choices.forEach((one) => {
      one.element.hidden = !(one.line === 'hls' ? hls : flv);
      setAttribute(one.element, 'aria-pressed', String(one.line === inUse));
    });
    setText(addressTitle, text('addresses'));
    setText(addressHint, text('addressesHint'));
    const urls = addresses(location, room().room, live?.urls.rtmp_port ?? null);
    rows[0].render('RTMP', urls.rtmp);
    rows[1].render('HTTP-FLV', flv ? urls.http : null);
    rows[2].render('WS-FLV', flv ? urls.ws : null);
    rows[3].render('HLS', hls ? urls.hls : null);
  };
  return { element, render };
}

function choice(line: Line, name: string, act: () => void): { line: Line; element: HTMLButtonElement } {
  const element = h('button', { type: 'button' }, name);
  element.addEventListener('click', act);
  return { line, element };
}

/** One number of a list of them. */
export function figure(kind = ''): {
  element: HTMLElement;
  render: (label: string, value: string, more?: string) => void;
} {
  const label = h('dt');
  const value = h('dd', { class: 'value' });
  const extra = h('dd', { class: 'extra' });
  const element = h('div', { class: `figure ${kind}` }, label, value, extra);
  const render = (labelText: string, valueText: string, more = '') => {
    setText(label, labelText);
    setText(value, valueText);
    setText(extra, more);
  };
  return { element, render };
}
