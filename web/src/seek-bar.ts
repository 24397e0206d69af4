import { h, setAttribute, setText } from './dom';
import { clock } from './format';
import { text } from './strings';
import { atLive, fraction, keyed, loaded, timeAt, type Timeline } from './timeline';
import type { Tile } from './vtt';

/** The small picture is never larger than this. */
const TILE_WIDTH = 160;

/** A bar to seek on, by pointer, finger and keys. */
export interface SeekBar {
  element: HTMLElement;
  /** Where the viewer holds the knob; null while it is not held. */
  readonly aim: number | null;
  render(line: Timeline): void;
}

/** `seek` is told where to go; `tile` knows the picture of a time, if anybody does. */
export function seekBar(
  seek: (to: number) => void,
  aimed: () => void,
  tile: (time: number) => Tile | null,
): SeekBar {
  const passed = h('div', { class: 'passed' });
  const buffers = h('div', { class: 'loaded' });
  const knob = h('div', { class: 'knob' });
  const rail = h('div', { class: 'rail' }, buffers, passed);
  const picture = h('div', { class: 'tile' });
  const time = h('span');
  const bubble = h('div', { class: 'bubble', 'aria-hidden': 'true' }, picture, time);
  const element = h('div', { class: 'seek', role: 'slider', tabindex: '0' }, rail, knob, bubble);
  bubble.hidden = true;

  let line: Timeline | null = null;
  let aim: number | null = null;
  /** Where the pointer is, held or not. */
  let pointed: number | null = null;

  const at = (event: PointerEvent): number | null => {
    const box = element.getBoundingClientRect();
    return line && box.width > 0 ? timeAt(line, (event.clientX - box.left) / box.width) : null;
  };
  const point = (to: number | null) => {
    pointed = to;
    draw();
  };
  const hold = (to: number | null) => {
    aim = to;
    setAttribute(element, 'data-held', String(to !== null));
    point(to);
    aimed();
  };
  element.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    hold(at(event));
  });
  element.addEventListener('pointermove', (event) => {
    if (aim !== null) hold(at(event));
    // A finger that is not on the bar points at nothing.
    else if (event.pointerType === 'mouse') point(at(event));
  });
  element.addEventListener('pointerup', (event) => {
    if (aim === null) return;
    const to = aim;
    hold(null);
    if (event.pointerType === 'mouse') point(to);
    seek(to);
  });
  element.addEventListener('pointercancel', () => hold(null));
  element.addEventListener('pointerleave', () => aim === null && point(null));
  element.addEventListener('keydown', (event) => {
    if (!line || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = keyed(line, event.key);
    if (to === null) return;
    event.preventDefault();
    // The page has arrow keys of its own, which would move a second time.
    event.stopPropagation();
    seek(to);
  });

  const draw = () => {
    if (!line) return;
    const shown = aim ?? line.position;
    const place = atLive(line, shown) && aim === null ? 1 : fraction(line, shown);
    passed.style.transform = `scaleX(${place})`;
    knob.style.left = `${place * 100}%`;
    drawBuffers(buffers, line);
    setAttribute(element, 'aria-label', text('seek'));
    setAttribute(element, 'aria-valuemin', '0');
    setAttribute(element, 'aria-valuemax', String(Math.round(line.end - line.start)));
    setAttribute(element, 'aria-valuenow', String(Math.round(shown - line.start)));
    setAttribute(element, 'aria-valuetext', spoken(line, shown));
    bubble.hidden = pointed === null;
    if (pointed === null) return;
    setText(time, written(line, pointed));
    drawTile(picture, tile(pointed));
    const width = element.clientWidth;
    const half = Math.min(bubble.offsetWidth, width) / 2;
    const middle = Math.min(width - half, Math.max(half, fraction(line, pointed) * width));
    bubble.style.left = `${middle}px`;
  };
  return {
    element,
    get aim() {
      return aim;
    },
    render(now) {
      line = now;
      draw();
    },
  };
}

/** A time as it stands beside the bar: from the start of a show, or back from now. */
export function written(line: Timeline, time: number): string {
  if (!line.live) return clock(time - line.start);
  return atLive(line, time) ? text('liveNow') : `-${clock(line.end - time)}`;
}

function spoken(line: Timeline, time: number): string {
  if (!line.live) return text('seekValue', clock(time - line.start), clock(line.end - line.start));
  return atLive(line, time) ? text('liveNow') : text('behindValue', clock(line.end - time));
}

function drawBuffers(into: HTMLElement, line: Timeline): void {
  const spans = loaded(line);
  while (into.childElementCount > spans.length) into.lastElementChild?.remove();
  while (into.childElementCount < spans.length) into.append(h('i'));
  spans.forEach(([from, to], i) => {
    const one = into.children[i] as HTMLElement;
    one.style.left = `${from * 100}%`;
    one.style.width = `${(to - from) * 100}%`;
  });
}

function drawTile(into: HTMLElement, tile: Tile | null): void {
  into.hidden = tile === null;
  if (!tile) return;
  const piece = tile.piece ?? { x: 0, y: 0, width: TILE_WIDTH, height: 90 };
  into.style.width = `${piece.width}px`;
  into.style.height = `${piece.height}px`;
  into.style.backgroundImage = `url("${CSS.escape(tile.url)}")`;
  into.style.backgroundPosition = `-${piece.x}px -${piece.y}px`;
  into.style.backgroundSize = tile.piece ? 'auto' : 'cover';
}
