import { count } from '../format';
import { current, text } from '../strings';
import type { Gift, Unit } from './catalogue';

/** What stands below a gift: what it costs, or what is to be done to have it. */
export function priceWords(gift: Gift, unit: Unit, isClaimed: boolean): string {
  if (gift.claim !== 'none') return text(isClaimed ? 'claimed' : 'claim');
  if (gift.price === 0) return text('free');
  const language = current();
  return [count(gift.price, language === 'zh'), unit[language]].filter((part) => part !== '').join(' ');
}
