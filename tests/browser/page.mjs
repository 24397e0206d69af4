// Plays the demo in Chromium through the page, on a phone's and on a desktop's window.
import { WINDOWS, frames, look, open, run } from './common.mjs';

const [origin, out] = process.argv.slice(2);

await run(async (browser, check) => {
  for (const { name, ...window } of WINDOWS) {
    const { page, errors, outside } = await open(browser, origin, window);
    await page.goto(`${origin}/play/live/demo`);
    await page.waitForFunction(() => document.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames > 10, null, { timeout: 30_000 });
    const first = await look(page);
    await frames(page, 60);
    // The page asks for the figures every few seconds.
    await page.waitForFunction(() => /WEIR|Weir/.test(document.body.innerText), null, { timeout: 10_000 });
    const second = await look(page);
    check(`${name}: the picture has the demo's size`, second.width === 640, second);
    check(`${name}: the picture is not black`, second.brightness > 15, second);
    check(`${name}: the picture moves`, second.hash !== first.hash, [first, second]);
    check(`${name}: time goes on`, second.time > first.time + 1, [first, second]);
    check(`${name}: sound is decoded`, second.audioBytes > 0, second);
    check(`${name}: nothing was loaded from elsewhere`, outside.length === 0, outside);
    check(`${name}: no error in the page`, errors.length === 0, errors);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    check(`${name}: nothing sticks out sideways`, overflow <= 0, overflow);
    await page.screenshot({ path: `${out}/page-${name}.png` });
    await page.context().close();
  }
  // A stream that nobody publishes is said so in words.
  const { page } = await open(browser, origin);
  await page.goto(`${origin}/play/live/nobody`);
  await page.waitForFunction(() => /推流|开播|主播/.test(document.body.innerText), null, { timeout: 30_000 });
  check('a stream that is not there is said so', true);
  await page.screenshot({ path: `${out}/page-not-on-air.png` });
});
