import { minutesSince } from './format';
import { text } from './strings';

/** How long a show has been on, in words; nothing when its time cannot be read. */
export function since(startedAt: string): string {
  const minutes = minutesSince(startedAt, Date.now());
  if (minutes === null) return '';
  if (minutes < 1) return text('justNow');
  if (minutes < 60) return text('sinceMinutes', minutes);
  return text('sinceHours', Math.floor(minutes / 60), minutes % 60);
}
