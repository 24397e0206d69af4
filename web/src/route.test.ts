import { expect, test } from 'vitest';
import { addresses } from './address';
import { roomAddress, route, secondsIn, type Room } from './route';

const plain = { protocol: 'http:', host: 'weir.test:8080', hostname: 'weir.test' };

function room(pathname: string, search = ''): Room {
  const found = route(pathname, search);
  if (found.page !== 'room') throw new Error(`${pathname} is no room`);
  return found.room;
}

test('a room keeps its address as it was signed', () => {
  const found = room('/play/live/%E8%8C%B6', '?txSecret=a%2Bb&txTime=65');
  expect(found).toEqual({ path: 'live/%E8%8C%B6', name: '茶', query: '?txSecret=a%2Bb&txTime=65' });
  expect(addresses(plain, found, 1935)).toEqual({
    http: 'http://weir.test:8080/live/%E8%8C%B6.flv?txSecret=a%2Bb&txTime=65',
    ws: 'ws://weir.test:8080/live/%E8%8C%B6.flv?txSecret=a%2Bb&txTime=65',
    hls: 'http://weir.test:8080/live/%E8%8C%B6.m3u8?txSecret=a%2Bb&txTime=65',
    fromStart: 'http://weir.test:8080/live/%E8%8C%B6.m3u8?txSecret=a%2Bb&txTime=65&from=start',
    rtmp: 'rtmp://weir.test/live/%E8%8C%B6?txSecret=a%2Bb&txTime=65',
  });
});

test('behind TLS the media is asked for over TLS too', () => {
  const found = addresses({ ...plain, protocol: 'https:' }, room('/play/live/tea'), 19350);
  expect(found.http).toBe('https://weir.test:8080/live/tea.flv');
  expect(found.ws).toBe('wss://weir.test:8080/live/tea.flv');
  expect(found.rtmp).toBe('rtmp://weir.test:19350/live/tea');
  expect(addresses(plain, room('/play/live/tea'), null).rtmp).toBeNull();
});

test('an address of media leads to its room', () => {
  expect(room('/play/live/tea.flv').path).toBe('live/tea');
});

test('an address that names no stream, or another site, is the list', () => {
  for (const path of ['/', '/play/', '/play/live', '/play/live/', '/play//evil.test/x', '/play/../x']) {
    expect(route(path, '').page).toBe('home');
  }
});

test('a broken escape is shown as it is', () => {
  expect(room('/play/live/%E8').name).toBe('%E8');
});

test('names from the list are escaped', () => {
  expect(roomAddress('a/b', '茶?x#y')).toBe('/play/a/b/%E8%8C%B6%3Fx%23y');
});

test('what the page is told is not passed on to the server, and what is signed is not rewritten', () => {
  const found = route('/play/live/tea', '?txSecret=a%2Bb&player=hls&txTime=65+');
  expect(found).toMatchObject({ player: 'hls', room: { query: '?txSecret=a%2Bb&txTime=65+' } });
  expect(route('/play/live/tea', '?player=ws')).toMatchObject({ player: 'ws', room: { query: '' } });
});

test('a replay has an id and a place to begin', () => {
  const found = route('/replay/01J-a_b', '?t=1m15s&sig=x%3D');
  expect(found).toEqual({
    page: 'replay',
    player: null,
    replay: { id: '01J-a_b', query: '?sig=x%3D', at: 75, room: null },
  });
  expect(route('/replay/a', '?room=r1&sig=1')).toMatchObject({ replay: { room: 'r1', query: '?sig=1' } });
  expect(route('/replay/a', '?room=../x')).toMatchObject({ replay: { room: null } });
  for (const path of ['/replay/', '/replay/a/b', '/replay/a.mp4', '/replay/..%2f']) {
    expect(route(path, '').page).toBe('home');
  }
});

test('a place to begin is read as people write it', () => {
  const all = ['75', '75s', '1m15s', '1h2m3s', '2.5', '', 'soon', '-3', null];
  expect(all.map(secondsIn)).toEqual([75, 75, 75, 3_723, 2.5, 0, 0, 0, 0]);
});

test('a room with a chat has an id', () => {
  const found = route('/r/r1_-x', '?player=ws&sig=x%3D');
  expect(found).toEqual({ page: 'show', player: 'ws', show: { id: 'r1_-x', query: '?sig=x%3D' } });
  for (const path of ['/r/', '/r/a/b', '/r/a.b', '/r/%2e']) expect(route(path, '').page).toBe('home');
});
