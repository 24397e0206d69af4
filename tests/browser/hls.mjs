// Watches the demo over HLS: the delay, the way back into what is past, and back to live, from HLS and from FLV.
import { WINDOWS, age, frames, look, open, point, run, said, seek } from './common.mjs';

const [origin, out, recorded] = process.argv.slice(2);
/** When the recording of the demo began. */
const began = Number(recorded) * 1_000;
/** The delay once it is at most so many seconds; the last that was seen when that does not come true. */
const settled = async (page, seconds) => {
  const end = Date.now() + 20_000;
  let seen = await age(page);
  while (seen > seconds && Date.now() < end) {
    await frames(page, 10);
    seen = await age(page);
  }
  return seen;
};

await run(async (browser, check) => {
  for (const { name, ...window } of WINDOWS) {
    const { page, errors, outside } = await open(browser, origin, window);
    await page.goto(`${origin}/play/live/demo?player=hls`);
    await page.waitForFunction(() => document.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames > 10, null, { timeout: 30_000 });
    const first = await look(page);
    await frames(page, 75);
    const second = await look(page);
    check(`${name}: the picture moves over HLS`, second.hash !== first.hash && second.time > first.time + 1, [first, second]);
    check(`${name}: sound is decoded`, second.audioBytes > 0, second);
    const behind = await settled(page, 2);
    check(`${name}: at most two seconds behind`, behind <= 2, behind);

    // The window grows from the first viewer on.
    await page.waitForFunction(() => /^-0:(1[2-9]|[2-5]\d)$/.test(document.querySelector('.here')?.textContent ?? ''), null, { timeout: 60_000 });
    const live = await look(page);
    await seek(page, 0.2);
    await page.waitForFunction(() => document.querySelector('.to-live')?.textContent === '回到直播', null, { timeout: 30_000 });
    await frames(page, 30);
    const past = await look(page);
    check(`${name}: it goes back`, past.time < live.time - 4, [live, past, await said(page)]);
    // The show is recorded, so the bar has pictures: of the time that stands there, which is a little later than the oldest.
    const told = await point(page, 0.3);
    const small = await age(page, true);
    check(`${name}: the picture over the bar is of the time that stands there`, small > told - 1 && small < told + 6, [told, small]);
    await page.screenshot({ path: `${out}/hls-${name}-past.png` });

    await page.locator('.seek').focus();
    await page.keyboard.press('ArrowRight');
    await frames(page, 10);
    const later = await look(page);
    check(`${name}: a key steps ahead`, later.time > past.time + 4, [past, later]);

    await page.locator('.from-start').click();
    await page.waitForFunction(() => document.querySelector('.stage').dataset.state === 'playing' && document.querySelector('video').currentTime < 10, null, { timeout: 30_000 });
    await frames(page, 25);
    const since = (Date.now() - began) / 1_000;
    const old = await age(page);
    check(`${name}: it plays from the start of the show`, old > since - 8 && old < since + 4, [since, old]);
    await point(page, 0.5);
    await page.screenshot({ path: `${out}/hls-${name}-start.png` });

    await page.locator('.to-live').click();
    await page.waitForFunction(() => document.querySelector('.to-live')?.textContent === '直播', null, { timeout: 30_000 });
    await frames(page, 30);
    const back = await settled(page, 2.5);
    check(`${name}: back to live`, back <= 2.5, [back, await said(page)]);
    check(`${name}: nothing was loaded from elsewhere`, outside.length === 0, outside);
    check(`${name}: no error in the page`, errors.length === 0, errors);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    check(`${name}: nothing sticks out sideways`, overflow <= 0, overflow);
    await page.screenshot({ path: `${out}/hls-${name}.png` });
    await page.context().close();
  }

  // FLV keeps nothing, and the page turns to HLS for what is past and back for what is now.
  const { page, errors } = await open(browser, origin);
  const media = [];
  page.on('request', (request) => /[.](flv|m3u8)/.test(request.url()) && media.push(new URL(request.url()).pathname.split('.').pop()));
  await page.goto(`${origin}/play/live/demo`);
  await page.waitForFunction(() => document.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames > 10, null, { timeout: 30_000 });
  check('FLV is what is played', media.join() === 'flv', media);
  await page.locator('.seek').waitFor({ timeout: 30_000 });
  await seek(page, 0.2);
  await page.waitForFunction(() => document.querySelector('.stage').dataset.state === 'playing' && document.querySelector('.to-live')?.textContent === '回到直播', null, { timeout: 30_000 });
  await frames(page, 30);
  check('what is past comes over HLS', media.includes('m3u8'), media);
  media.length = 0;
  await page.locator('.to-live').click();
  await page.waitForFunction(() => document.querySelector('.to-live')?.textContent === '直播', null, { timeout: 30_000 });
  await frames(page, 30);
  check('what is now comes over FLV again', media.at(-1) === 'flv', media);
  check('no error in the page', errors.length === 0, errors);
});
