import { expect, test } from 'vitest';
import { parseTiles, tileAt } from './vtt';

const BASE = 'http://weir.test/replay/7/sprites.vtt?sig=1';

test('pieces of a sheet are read, with both ways to write the time', () => {
  const text = [
    'WEBVTT',
    '',
    '1',
    '00:00.000 --> 00:05.000',
    'a.jpg#xywh=0,0,160,90',
    '',
    '01:00:05.500 --> 01:00:10.000 align:start',
    '/b.jpg?sig=2#xywh=pixel:160,90,160,90',
  ].join('\r\n');
  expect(parseTiles(text, BASE)).toEqual([
    { from: 0, to: 5, url: 'http://weir.test/replay/7/a.jpg', piece: { x: 0, y: 0, width: 160, height: 90 } },
    {
      from: 3_605.5,
      to: 3_610,
      url: 'http://weir.test/b.jpg?sig=2',
      piece: { x: 160, y: 90, width: 160, height: 90 },
    },
  ]);
});

test('a picture without a piece is whole', () => {
  expect(parseTiles('WEBVTT\n\n00:00.000 --> 00:01.000\nwhole.png\n', BASE)[0]?.piece).toBeNull();
});

test('what is no picture, no time and no address of the web is left out', () => {
  const cue = (time: string, place: string) => `${time}\n${place}\n\n`;
  const text =
    'WEBVTT\n\n' +
    cue('00:05.000 --> 00:01.000', 'a.jpg') +
    cue('soon --> later', 'a.jpg') +
    cue('00:00.000 --> 00:01.000', 'javascript:alert(1)') +
    cue('00:00.000 --> 00:01.000', 'data:image/png;base64,AA') +
    cue('00:00.000 --> 00:01.000', '');
  expect(parseTiles(text, BASE)).toEqual([]);
  expect(parseTiles('', BASE)).toEqual([]);
});

test('a moment has the picture that began last, and a hole keeps the one before', () => {
  const cues = [
    '00:10.000 --> 00:15.000\nc.jpg',
    '00:00.000 --> 00:05.000\na.jpg',
    '00:05.000 --> 00:07.000\nb.jpg',
  ];
  const tiles = parseTiles(`WEBVTT\n\n${cues.join('\n\n')}`, BASE);
  const name = (time: number) => tileAt(tiles, time)?.url.slice(-5);
  expect([0, 4.9, 5, 9, 10, 999].map(name)).toEqual(['a.jpg', 'a.jpg', 'b.jpg', 'b.jpg', 'c.jpg', 'c.jpg']);
  expect(tileAt([], 3)).toBeNull();
});

test('a file without an end is cut', () => {
  const text = 'WEBVTT\n\n' + '00:00.000 --> 00:01.000\na.jpg\n\n'.repeat(30_000);
  expect(parseTiles(text, BASE)).toHaveLength(20_000);
});
