import { h } from './dom';

/** The most streams in a list; whoever left it is forgotten first. */
const STILLS_MAX = 200;

/** What a card shows of its stream, kept while the list is made anew around it. */
interface Still {
  path: string;
  elements: [HTMLImageElement, HTMLImageElement];
}

const stills = new Map<string, Still>();

/**
 * The cover of a stream: the whole picture, and behind it the same one, large and blurred, for what a portrait leaves
 * free. A newer one takes its place once it is there; until the first one is, and when none comes, the card shows what
 * it shows without.
 */
export function still(name: string, path: string): HTMLElement[] {
  const known = stills.get(name);
  if (known?.path === path) return known.elements;
  const elements = known?.elements ?? [picture('blur'), picture('still')];
  stills.delete(name);
  if (stills.size >= STILLS_MAX) stills.delete(stills.keys().next().value ?? '');
  stills.set(name, { path, elements });
  const next = new Image();
  next.addEventListener('load', () => {
    if (stills.get(name)?.path !== path) return;
    for (const element of elements) {
      element.src = path;
      element.setAttribute('data-ready', '');
    }
  });
  next.src = path;
  return elements;
}

function picture(kind: string): HTMLImageElement {
  return h('img', { class: kind, alt: '', decoding: 'sync', draggable: 'false' });
}
