// Plays the demo in Chromium through the page, on a phone's and on a desktop's window.
import { chromium } from 'playwright-core';

const [origin, out] = process.argv.slice(2);
const WINDOWS = [
  { name: 'page-phone', viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true },
  { name: 'page-desktop', viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1, hasTouch: false },
];
// As root, without the network, and able to start a video by itself.
const ARGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--autoplay-policy=no-user-gesture-required', '--disable-background-timer-throttling', '--disable-renderer-backgrounding',
];

let passed = 0;
const faults = [];
const check = (what, ok, seen) => {
  if (ok) passed++;
  else faults.push(`${what}: ${JSON.stringify(seen)}`);
};

/** What the video shows: size, frames, brightness, and a hash of the picture. */
const look = (page) =>
  page.evaluate(() => {
    const video = document.querySelector('video');
    const canvas = document.createElement('canvas');
    canvas.width = 160;
    canvas.height = 90;
    const g = canvas.getContext('2d', { willReadFrequently: true });
    g.drawImage(video, 0, 0, 160, 90);
    const data = g.getImageData(0, 0, 160, 90).data;
    let sum = 0;
    let hash = 0;
    for (let i = 0; i < data.length; i += 4) {
      sum += data[i] + data[i + 1] + data[i + 2];
      hash = (hash * 31 + data[i] + data[i + 1]) | 0;
    }
    const quality = video.getVideoPlaybackQuality();
    return { width: video.videoWidth, frames: quality.totalVideoFrames, time: video.currentTime, brightness: sum / (160 * 90 * 3), hash, audioBytes: video.webkitAudioDecodedByteCount };
  });

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: ARGS });
try {
  for (const { name, ...window } of WINDOWS) {
    const context = await browser.newContext({ ...window, locale: 'zh-CN' });
    const page = await context.newPage();
    const errors = [];
    const outside = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    page.on('request', (request) => !/^(blob:|data:)/.test(request.url()) && new URL(request.url()).host !== new URL(origin).host && outside.push(request.url()));
    await page.goto(`${origin}/play/live/demo`);
    await page.waitForFunction(() => document.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames > 10, null, { timeout: 30_000 });
    const first = await look(page);
    await page.waitForFunction((frames) => document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames > frames + 60, first.frames, { timeout: 30_000 });
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
    await page.screenshot({ path: `${out}/${name}.png` });
    // The home page shows the demo's cover, which the server makes by itself.
    await page.goto(origin);
    await page.waitForSelector('.still[data-ready]', { timeout: 30_000 });
    const cover = await page.evaluate(() => {
      const image = document.querySelector('.still');
      return { width: image.naturalWidth, shown: image.getBoundingClientRect().width, sideways: document.documentElement.scrollWidth - innerWidth };
    });
    check(`${name}: the cover has its size`, cover.width === 480 && cover.shown > 100, cover);
    check(`${name}: nothing sticks out of the list`, cover.sideways <= 0, cover);
    check(`${name}: still no error and nothing from elsewhere`, errors.length + outside.length === 0, [errors, outside]);
    await page.waitForFunction(() => getComputedStyle(document.querySelector('.still')).opacity === '1', null, { timeout: 5_000 });
    await page.screenshot({ path: `${out}/${name.replace('page', 'home')}.png` });
    await context.close();
  }
  // A stream that nobody publishes is said so in words.
  const page = await browser.newPage({ locale: 'zh-CN' });
  await page.goto(`${origin}/play/live/nobody`);
  await page.waitForFunction(() => /推流|开播|主播/.test(document.body.innerText), null, { timeout: 30_000 });
  passed++;
  await page.screenshot({ path: `${out}/page-not-on-air.png` });
} finally {
  await browser.close();
}
faults.forEach((fault) => console.error(`FAILED ${fault}`));
console.log(`${passed} passed, ${faults.length} failed`);
process.exitCode = faults.length ? 1 : 0;
