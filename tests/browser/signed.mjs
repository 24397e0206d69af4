// A room where playing is signed, in Chromium: who comes with a token has the picture, over FLV and over HLS, and goes on with a
// fresh signature when the first has ended; a guest is told that there is none for them.
import { WINDOWS, frames, open, run } from './common.mjs';

const [origin, , token, key] = process.argv.slice(2);
const PATIENCE = { timeout: 15_000 };
/** How long a signature is said to be good for, in milliseconds; the server says no less than a minute. */
const SHORT_MS = 3_000;
const headers = { authorization: `Bearer ${key}` };

await run(async (browser, check) => {
  const { name: _, ...window } = WINDOWS[1];
  for (const player of ['', '?player=hls']) {
    const { page, errors } = await open(browser, origin, window);
    const asked = [];
    await page.route('**/api/v1/rooms/demo/public', async (route) => {
      asked.push(route.request().headers().authorization);
      const response = await route.fetch();
      const body = await response.json();
      if (asked.length === 1) check('it is said when the signature ends', Date.parse(body.play_expires_at) > Date.now(), body);
      await route.fulfill({ response, json: { ...body, play_expires_at: new Date(Date.now() + SHORT_MS).toISOString() } });
    });
    const played = [];
    page.on('request', (request) => /[.](flv|m3u8)[?]/.test(request.url()) && played.push(new URL(request.url()).search));
    await page.goto(`${origin}/r/demo${player}#token=${token}`);
    await page.locator('.host-bar h1').waitFor(PATIENCE);
    await frames(page, 25);
    check(`the picture moves ${player}`, errors.length === 0, errors);
    check('the room is asked with the token', asked[0] === `Bearer ${token}`, asked);
    const [first] = played;
    check('what plays is signed', /txSecret=|auth_key=/.test(first ?? ''), played);
    // A fresh signature before the end of the old one, and with it the next connection.
    await page.waitForRequest('**/api/v1/rooms/demo/public', PATIENCE);
    if (player === '') {
      await page.waitForResponse((response) => response.url().includes('/api/v1/live/') && !response.url().includes(first), PATIENCE);
      const { clients } = await (await fetch(`${origin}/api/v1/clients?limit=100`, { headers })).json();
      const again = page.waitForRequest((request) => request.url().includes('.flv') && !request.url().includes(first), PATIENCE);
      for (const { id, role } of clients) if (role === 'viewer') await fetch(`${origin}/api/v1/clients/${id}`, { method: 'DELETE', headers });
      await again;
      await frames(page, 25);
      check('a connection that is lost comes back with the fresh one', errors.every((error) => /ERR_|network/i.test(error)), errors);
    }
    await page.close();
  }
  const { page } = await open(browser, origin, window);
  await page.goto(`${origin}/r/demo`);
  await page.locator('.stage[data-state=refused]').waitFor(PATIENCE);
  check('a guest has no picture, and the chat', await page.locator('.lines').isVisible());
});
