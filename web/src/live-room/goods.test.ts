import { expect, test } from 'vitest';
import { pageOf, priceWords } from './goods';

test('only pages of the web are followed', () => {
  expect(pageOf('https://shop.example/a?b=1')).toBe('https://shop.example/a?b=1');
  expect(pageOf('HTTP://shop.example')).toBe('http://shop.example/');
  for (const other of [
    '',
    'pages/goods?id=1',
    '/pages/goods',
    '//shop.example',
    'javascript:alert(1)',
    ' javascript:alert(1)',
    'data:text/html,x',
    'weixin://dl',
    'https://',
  ])
    expect(pageOf(other), other).toBe(null);
});

test('prices are fen', () => {
  expect(priceWords({ price: 9_900, price_to: null, price_kind: 'one' })).toEqual({
    now: '¥99',
    before: null,
  });
  expect(priceWords({ price: 5, price_to: 1_250, price_kind: 'range' })).toEqual({
    now: '¥0.05 – ¥12.50',
    before: null,
  });
  expect(priceWords({ price: 9_900, price_to: 12_900, price_kind: 'discount' })).toEqual({
    now: '¥99',
    before: '¥129',
  });
});
