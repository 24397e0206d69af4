import type { Control } from './control';
import { bitrate } from './format';
import { menu } from './menu';
import type { Level, Playback } from './playback';
import { text } from './strings';

/** The choice of a quality; there only when the player has several. */
export function qualityMenu(player: () => Playback | null): Control {
  const one = menu<number | null>('quality', (chosen) => {
    const now = player();
    if (now) now.level = chosen;
    render();
  });
  const render = () => {
    const { levels = [], level = null } = player() ?? {};
    const auto = { value: null, label: text('qualityAuto') };
    const options =
      levels.length < 2 ? [] : [auto, ...levels.map((it, i) => ({ value: i, label: name(it) }))];
    const chosen = level === null ? undefined : levels[level];
    one.draw(options, level, text('quality'), chosen ? name(chosen) : text('quality'));
  };
  return { element: one.element, render };
}

function name(level: Level): string {
  if (level.height) return `${level.height}p`;
  return bitrate(level.kbps ?? 0) ?? '?';
}
