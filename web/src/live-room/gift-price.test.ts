import { expect, test, vi } from 'vitest';
import { current, switchLanguage } from '../strings';
import type { Gift } from './catalogue';
import { priceWords } from './gift-price';

const gift: Gift = {
  id: 'car',
  name: 'car',
  icon: '',
  price: 10,
  claim: 'none',
  max_count: 99,
  available: true,
};
const unit = { zh: '金币', en: 'coins' };

test('a price has the unit of the language, if there is one', () => {
  vi.stubGlobal('document', { documentElement: {} });
  const words = () => [priceWords(gift, unit, false), priceWords(gift, { zh: '', en: '' }, false)];
  const told = { [current()]: words() };
  switchLanguage();
  told[current()] = words();
  expect(told).toEqual({ zh: ['10 金币', '10'], en: ['10 coins', '10'] });
});

test('what costs nothing has no unit', () => {
  expect(priceWords({ ...gift, price: 0 }, unit, false)).not.toContain('c');
  expect(priceWords({ ...gift, claim: 'room' }, unit, false)).not.toContain('coins');
});
