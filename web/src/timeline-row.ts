import { h, setAttribute, setText } from './dom';
import { clock } from './format';
import { seekBar, written } from './seek-bar';
import { text } from './strings';
import { atLive, worthIt, type Timeline } from './timeline';
import type { Tile } from './vtt';

/** The seek bar with what stands left and right of it. */
export interface TimelineRow {
  element: HTMLElement;
  /** Draws it; null leaves it out. */
  render(line: Timeline | null): void;
}

/** What a viewer does on it. */
export interface TimelineActions {
  seek(to: number): void;
  /** Goes to the newest picture of a show that is on. */
  toLive(): void;
  /** The picture of a time. */
  tile(time: number): Tile | null;
}

export function timelineRow(actions: TimelineActions): TimelineRow {
  const here = h('span', { class: 'here' });
  const whole = h('span', { class: 'whole' });
  const words = h('span');
  const live = h('button', { class: 'to-live', type: 'button' }, words);
  live.addEventListener('click', () => actions.toLive());
  const bar = seekBar(actions.seek, () => draw(), actions.tile);
  const element = h('div', { class: 'timeline' }, here, bar.element, whole, live);
  let line: Timeline | null = null;

  const draw = () => {
    element.hidden = line === null || !worthIt(line);
    if (!line || element.hidden) return;
    const shown = bar.aim ?? line.position;
    const now = atLive(line, shown);
    setAttribute(element, 'data-live', line.live ? String(now) : null);
    setText(here, line.live && now ? `-${clock(line.end - line.start)}` : written(line, shown));
    whole.hidden = line.live;
    setText(whole, clock(line.end - line.start));
    live.hidden = !line.live;
    live.disabled = now;
    setText(words, text(now ? 'liveNow' : 'toLive'));
  };
  return {
    element,
    render(now) {
      line = now;
      draw();
      if (now && !element.hidden) bar.render(now);
    },
  };
}
