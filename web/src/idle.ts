import { setAttribute } from './dom';

const QUIET_MS = 2_500;

/** Marks an element while nobody moves over it, touches it or types. */
export function idle(element: HTMLElement): void {
  let timer = 0;
  const stir = () => {
    clearTimeout(timer);
    setAttribute(element, 'data-idle', 'false');
    timer = window.setTimeout(() => setAttribute(element, 'data-idle', 'true'), QUIET_MS);
  };
  for (const event of ['pointermove', 'pointerdown', 'keydown'] as const)
    element.addEventListener(event, stir);
  document.addEventListener('fullscreenchange', stir);
}
