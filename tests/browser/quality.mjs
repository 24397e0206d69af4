// Watches a show in two qualities, live and later: two real streams, and a playlist that names both. Weir names one, so the
// second is written into its answer on the way to the page.
import { spawn, execFileSync } from 'node:child_process';
import { WINDOWS, frames, look, open, run, said, seek } from './common.mjs';

const [origin, out, weir, rtmp, data] = process.argv.slice(2);
const SIZES = { large: '1280x720', small: '640x360' };
const RATES = { large: 1_500, small: 300 };
/** Marks an address that is to be answered by the server itself. */
const ITSELF = 'itself';
const words = (...args) => execFileSync(weir, [...args, '--data', data], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
const json = (...args) => JSON.parse(words(...args, '--json'));

/** Both pictures come from one program, so that they have one clock. It ends by itself should nobody end it. */
function publish() {
  const lines = Object.entries(SIZES).flatMap(([name, size]) => {
    const { server, stream_key: key } = json('url', 'push', `live/${name}`, '--host', '127.0.0.1');
    const address = `${server.replace(/127\.0\.0\.1(:\d+)?/, `127.0.0.1:${rtmp}`)}/${key}`;
    const rate = ['-b:v', `${RATES[name]}k`, '-g', '15', '-bf', '0'];
    return ['-map', '0:v', '-map', '1:a', '-s', size, '-c:v', 'libx264', '-preset', 'ultrafast', ...rate, '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-f', 'flv', address];
  });
  const sources = ['-f', 'lavfi', '-i', 'testsrc2=s=1280x720:r=15', '-f', 'lavfi', '-i', 'sine=r=44100'];
  return spawn('ffmpeg', ['-v', 'error', '-re', '-t', '180', ...sources, ...lines], { stdio: ['ignore', 'inherit', 'inherit'] });
}

/** Asks until there is something. */
async function until(what, ask) {
  const end = Date.now() + 20_000;
  while (Date.now() < end) {
    const seen = await ask().catch(() => null);
    if (seen) return seen;
    await new Promise((go) => setTimeout(go, 100));
  }
  throw new Error(`not within 20 seconds: ${what}`);
}

/** A line of a list of qualities for what is at an address: the one that is there, or one for a list of segments. */
async function variant(address, name) {
  const text = await (await fetch(address)).text();
  const lines = text.split('\n');
  const at = lines.findIndex((line) => line.startsWith('#EXT-X-STREAM-INF:'));
  const told = at < 0 ? `#EXT-X-STREAM-INF:BANDWIDTH=${RATES[name]}000` : lines[at];
  const sized = told.includes('RESOLUTION=') ? told : `${told},RESOLUTION=${SIZES[name]}`;
  const itself = `${address}${address.includes('?') ? '&' : '?'}${ITSELF}=1`;
  return `${sized}\n${at < 0 ? itself : new URL(lines[at + 1], address)}\n`;
}

/** Has a page that asks for a large one's address get both qualities. */
async function both(page, large, small) {
  const { pathname } = new URL(large);
  const asked = (url) => url.pathname === pathname && !url.searchParams.has(ITSELF);
  await page.route(asked, async (route) => {
    const variants = [await variant(route.request().url(), 'large'), await variant(small, 'small')];
    const headers = { 'Content-Type': 'application/vnd.apple.mpegurl' };
    await route.fulfill({ headers, body: `#EXTM3U\n${variants.join('')}` });
  });
}

const AUTO = '自动';
const menu = (page) => page.locator('.with-menu:has([role=menu][aria-label="清晰度"])');
const width = (page, wanted) => page.waitForFunction((wanted) => document.querySelector('video').videoWidth === wanted, wanted, { timeout: 30_000 });
const playing = (page) => page.waitForFunction(() => document.querySelector('.stage').dataset.state === 'playing', null, { timeout: 30_000 });

/** Opens the menu, chooses, and says what it held before and what it says right after. */
async function choose(page, label, picture) {
  const control = menu(page).locator('.control');
  await control.click();
  const items = await menu(page).getByRole('menuitemradio').allTextContents();
  if (picture) await page.screenshot({ path: picture });
  await menu(page).getByRole('menuitemradio', { name: label, exact: label !== AUTO }).click();
  const checked = await menu(page).locator('[aria-checked=true]').allTextContents();
  return { items, checked, words: await control.textContent() };
}

/**
 * The same on both pages: the menu, a choice, a pause; then what `again` does to the player, and back to Auto. `back` keeps a
 * show that is over from coming to its end meanwhile.
 */
async function tour(page, check, name, again, back = async () => {}) {
  await menu(page).locator('.control').waitFor({ timeout: 30_000 });
  // Before there is a picture, Auto has nothing to say.
  await page.waitForFunction(() => [...document.querySelectorAll('[role=menu][aria-label="清晰度"] [role=menuitemradio]')].some((item) => item.textContent.startsWith('自动 · ')), null, { timeout: 30_000 });
  const down = await choose(page, '360p', `${out}/quality-${name}-menu.png`);
  check(`${name}: the menu has both qualities and Auto, which says what is seen`, /^自动 · (720|360)p,720p,360p$/.test(down.items.join()), down);
  check(`${name}: it says at once what was chosen`, down.checked.join() === '360p' && down.words === '360p', down);
  await width(page, 640);
  await back();
  const up = await choose(page, '720p');
  check(`${name}: it says so again`, up.checked.join() === '720p' && up.words === '720p', up);
  await width(page, 1280);
  await back();
  await choose(page, '360p');
  await width(page, 640);
  await page.screenshot({ path: `${out}/quality-${name}-small.png` });

  await page.locator('.controls .control').first().click();
  await page.waitForFunction(() => document.querySelector('.stage').dataset.state === 'paused', null, { timeout: 30_000 });
  await page.locator('.controls .control').first().click();
  await playing(page);
  await frames(page, 45);
  check(`${name}: it holds after a pause`, (await look(page)).width === 640, [await look(page), await said(page)]);
  await again();
  await playing(page);
  await frames(page, 45);
  const held = [(await look(page)).width, await menu(page).locator('.control').textContent()];
  check(`${name}: it holds for the next player and another time`, held.join() === '640,360p', held);

  await choose(page, AUTO);
  await width(page, 1280);
  const auto = menu(page).getByRole('menuitemradio', { includeHidden: true, checked: true });
  await page.waitForFunction((item) => item.textContent === '自动 · 720p', await auto.elementHandle(), { timeout: 10_000 });
  await page.screenshot({ path: `${out}/quality-${name}-auto.png` });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  check(`${name}: nothing sticks out sideways`, overflow <= 0, overflow);
}

const ffmpeg = publish();
try {
  await run(async (browser, check) => {
    const ids = [];
    for (const name of Object.keys(SIZES)) ids.push(await until(`live/${name}`, async () => json('record', 'start', `live/${name}`).id));
    for (const { name, ...window } of WINDOWS) {
      const { page, errors } = await open(browser, origin, window);
      await both(page, `${origin}/live/large.m3u8`, `${origin}/live/small.m3u8`);
      await page.goto(`${origin}/play/live/large?player=hls`);
      await playing(page);
      // There is something to go back to, so there is a pause.
      await page.locator('.controls .control:visible').first().waitFor();
      await page.waitForFunction(() => !document.querySelector('.controls .control').hidden, null, { timeout: 30_000 });
      await tour(page, check, `live-${name}`, () => page.getByRole('button', { name: '刷新' }).click());
      check(`live-${name}: no error in the page`, errors.length === 0, errors);
      await page.context().close();
    }
    ids.forEach((id) => words('record', 'stop', id));
    const [large, small] = await Promise.all(ids.map(async (id) => {
      const { urls } = await (await fetch(`${origin}/api/v1/replays/${id}`)).json();
      return new URL(urls.hls, origin).href;
    }));
    for (const { name, ...window } of WINDOWS) {
      const { page, errors } = await open(browser, origin, window);
      await both(page, large, small);
      await page.goto(`${origin}/replay/${ids[0]}`);
      await page.locator('.start').click();
      await playing(page);
      const early = () => seek(page, 0.05);
      await tour(page, check, `replay-${name}`, early, early);
      check(`replay-${name}: no error in the page`, errors.length === 0, errors);
      await page.context().close();
    }
  });
} finally {
  ffmpeg.kill('SIGKILL');
}
