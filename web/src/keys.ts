/** What keys do on a page, wherever the focus is. */
export interface Keys {
  m: () => void;
  f: () => void;
  /** The space bar, and K as on other players. */
  toggle?: () => void;
  /** The arrows, and J and L. */
  skip?: (seconds: number) => void;
}

const SKIPS: Record<string, number> = { ArrowLeft: -5, ArrowRight: 5, j: -10, l: 10 };

export function keys(acts: Keys): void {
  document.addEventListener('keydown', (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (target instanceof Element && target.matches('input, textarea, select')) return;
    // A focused button is pressed by the space bar, whatever it does.
    const pressed = key === ' ' && target instanceof Element && target.matches('button, a');
    const by = SKIPS[key];
    if (key === 'm') acts.m();
    else if (key === 'f') acts.f();
    else if ((key === ' ' || key === 'k') && acts.toggle && !pressed) acts.toggle();
    else if (by !== undefined && acts.skip) acts.skip(by);
    else return;
    event.preventDefault();
  });
}
