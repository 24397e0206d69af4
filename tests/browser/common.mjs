// What every test in a browser needs: the browser, the two windows, looks at the video, and a count of what holds.
import { chromium } from 'playwright-core';

export const WINDOWS = [
  { name: 'phone', viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true },
  { name: 'desktop', viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1, hasTouch: false },
];
// As root, without the network, and able to start a video by itself.
const ARGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--autoplay-policy=no-user-gesture-required', '--disable-background-timer-throttling', '--disable-renderer-backgrounding',
];

/** Runs `body(browser, check)`, and says what held. */
export async function run(body) {
  let passed = 0;
  const faults = [];
  const check = (what, ok, seen) => {
    if (ok) passed++;
    else faults.push(`${what}: ${JSON.stringify(seen)}`);
  };
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: ARGS });
  try {
    await body(browser, check);
  } finally {
    await browser.close();
  }
  faults.forEach((fault) => console.error(`FAILED ${fault}`));
  console.log(`${passed} passed, ${faults.length} failed`);
  process.exitCode = faults.length ? 1 : 0;
}

/** A page of `browser` that notes its errors, and what it loads from elsewhere than `origin`. */
export async function open(browser, origin, options) {
  const context = await browser.newContext({ locale: 'zh-CN', ...options });
  const page = await context.newPage();
  const errors = [];
  const outside = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  page.on('request', (request) => !/^(blob:|data:)/.test(request.url()) && new URL(request.url()).host !== new URL(origin).host && outside.push(request.url()));
  return { page, errors, outside };
}

/** What the video shows: size, frames, brightness, and a hash of the picture. */
export const look = (page) =>
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

/** Waits for so many more frames. */
export async function frames(page, more) {
  const { frames: before } = await look(page);
  await page.waitForFunction((wanted) => document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames >= wanted, before + more, { timeout: 30_000 });
}

/** What the page says: the state, and the words beside the seek bar. */
export const said = (page) =>
  page.evaluate(() => {
    const words = (selector) => document.querySelector(selector)?.textContent ?? null;
    const figures = Object.fromEntries([...document.querySelectorAll('.figure')].map((one) => [one.querySelector('dt').textContent, one.querySelector('.value').textContent]));
    return { state: document.querySelector('.stage').dataset.state, here: words('.here'), whole: words('.whole'), live: words('.to-live'), figures };
  });

/** Clicks on a place of the seek bar, from 0 to 1. */
export async function seek(page, place) {
  const box = await page.locator('.seek').boundingBox();
  await page.mouse.click(box.x + box.width * place, box.y + box.height / 2);
}
