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
    const { levels = [], level = null, shown = null } = player() ?? {};
    const names = levels.map((it) => name(it, levels));
    const auto = text('qualityAuto');
    // Whoever leaves the choice to the player still sees what it chose.
    const now = level === null && shown !== null ? names[shown] : null;
    const itself = { value: null, label: [auto, now].filter(Boolean).join(' · ') };
    const options = levels.length < 2 ? [] : [itself, ...names.map((label, value) => ({ value, label }))];
    one.draw(options, level, text('quality'), level === null ? auto : (names[level] ?? '?'));
  };
  return { element: one.element, render };
}

function name({ lines, kbps }: Level, all: Level[]): string {
  const rate = bitrate(kbps ?? 0);
  if (!lines) return rate ?? '?';
  const alone = all.filter((one) => one.lines === lines).length === 1;
  return [`${lines}p`, alone ? null : rate].filter(Boolean).join(' · ');
}
