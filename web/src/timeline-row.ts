import { h, setAttribute, setText } from './dom';
import { clock } from './format';
import { icon } from './icons';
import { seekBar, written } from './seek-bar';
import { text } from './strings';
import { atLive, worthIt, type Timeline } from './timeline';
import type { Tile } from './vtt';

/** The seek bar with what stands left and right of it. */
export interface TimelineRow {
  element: HTMLElement;
  /** Draws it; null leaves the bar out. `hasStart`: one can go to the beginning of a show that is on. */
  render(line: Timeline | null, hasStart?: boolean): void;
}

/** What a viewer does on it. */
export interface TimelineActions {
  seek(to: number): void;
  /** Goes to the newest picture of a show that is on. */
  toLive(): void;
  /** Goes to its beginning, which the bar does not reach. */
  restart?(): void;
  /** The picture of a time. */
  tile(time: number): Tile | null;
}

export function timelineRow(actions: TimelineActions): TimelineRow {
  const here = h('span', { class: 'here' });
  const whole = h('span', { class: 'whole' });
  const words = h('span');
  const live = h('button', { class: 'to-live', type: 'button' }, words);
  live.addEventListener('click', () => actions.toLive());
  const startIcon = icon('fromStart');
  const startWords = h('span');
  const start = h('button', { class: 'from-start', type: 'button' }, startIcon, startWords);
  start.addEventListener('click', () => actions.restart?.());
  const bar = seekBar(actions.seek, () => draw(), actions.tile);
  const element = h('div', { class: 'timeline' }, start, here, bar.element, whole, live);
  let line: Timeline | null = null;
  let hasStart = false;

  const draw = () => {
    const hasBar = line !== null && worthIt(line);
    element.hidden = !hasBar && !hasStart;
    setAttribute(element, 'data-bar', String(hasBar));
    start.hidden = !hasStart;
    setText(startWords, text('fromStart'));
    setAttribute(start, 'aria-label', text('fromStart'));
    setAttribute(start, 'title', text('fromStart'));
    here.hidden = bar.element.hidden = !hasBar;
    whole.hidden = !hasBar || line?.live === true;
    live.hidden = !hasBar || line?.live !== true;
    if (!line || !hasBar) return;
    const shown = bar.aim ?? line.position;
    const now = atLive(line, shown);
    setAttribute(element, 'data-live', line.live ? String(now) : null);
    setText(here, line.live && now ? `-${clock(line.end - line.start)}` : written(line, shown));
    setText(whole, clock(line.end - line.start));
    live.disabled = now;
    setText(words, text(now ? 'liveNow' : 'toLive'));
  };
  return {
    element,
    render(now, startable = false) {
      line = now;
      hasStart = startable;
      draw();
      if (now && !bar.element.hidden) bar.render(now);
    },
  };
}
