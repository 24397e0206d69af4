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

/** The strokes of the demo's digits: lines through points, and arcs as centre, radii, and from where to where in degrees. */
const DIGITS = [
  [['arc', 0.3, 0.3, 0.3, 0.3, 180, 360], [0.6, 0.3, 0.6, 0.7], ['arc', 0.3, 0.7, 0.3, 0.3, 0, 180], [0, 0.7, 0, 0.3]],
  [[0.12, 0.2, 0.36, 0, 0.36, 1]],
  [['arc', 0.3, 0.29, 0.29, 0.29, 185, 395], [0.54, 0.46, 0.02, 1, 0.6, 1]],
  [['arc', 0.3, 0.25, 0.26, 0.25, 195, 450], ['arc', 0.3, 0.75, 0.29, 0.25, 270, 525]],
  [[0.47, 1, 0.47, 0, 0, 0.7, 0.62, 0.7]],
  [[0.55, 0, 0.1, 0, 0.06, 0.47], ['arc', 0.3, 0.68, 0.3, 0.32, 220, 515]],
  [['arc', 0.3, 0.69, 0.3, 0.31, 0, 360], [0.4, 0, 0.04, 0.54]],
  [[0, 0, 0.58, 0, 0.2, 1]],
  [['arc', 0.3, 0.25, 0.26, 0.25, 0, 360], ['arc', 0.3, 0.75, 0.3, 0.25, 0, 360]],
  [['arc', 0.3, 0.31, 0.3, 0.31, 0, 360], [0.56, 0.46, 0.2, 1]],
];

/**
 * How long ago the picture in the video was made, in seconds, or the small one over the seek bar: the demo shows the time in
 * China in six digits, and one lamp of 25 for the frame of the second. Nothing that the server or a player says is in it.
 */
export const age = (page, small = false) =>
  page.evaluate(async ([digits, small]) => {
    const canvas = () => {
      const made = document.createElement('canvas');
      [made.width, made.height] = [640, 360];
      return made.getContext('2d', { willReadFrequently: true });
    };
    const seen = canvas();
    if (small) {
      const { backgroundImage, backgroundPosition, width, height } = document.querySelector('.tile').style;
      const [x, y] = backgroundPosition.split(' ').map((place) => -parseFloat(place));
      const sheet = new Image();
      sheet.src = /url\("(.*)"\)/.exec(backgroundImage)[1];
      await sheet.decode();
      seen.drawImage(sheet, x, y, parseFloat(width), parseFloat(height), 0, 0, 640, 360);
    } else seen.drawImage(document.querySelector('video'), 0, 0, 640, 360);
    const now = Date.now();
    const [top, height, width] = [114, 92, 58];
    const cells = [124, 182, 262, 320, 400, 458];
    const light = (g, x) => {
      const { data } = g.getImageData(x, top, width, height);
      return Array.from({ length: width * height }, (_, i) => (data[4 * i + 1] > 128 ? 1 : 0));
    };
    const models = digits.map((strokes, digit) => {
      const g = canvas();
      [g.lineWidth, g.lineCap, g.lineJoin, g.strokeStyle] = [8, 'round', 'round', '#fff'];
      const left = Math.round((width - (digit === 4 ? 0.62 : 0.6) * 76) / 2);
      const at = (x, y) => [left + x * 76, 122 + y * 76];
      for (const stroke of strokes) {
        g.beginPath();
        if (stroke[0] === 'arc') {
          const [, x, y, rx, ry, from, to] = stroke;
          g.ellipse(...at(x, y), rx * 76, ry * 76, 0, (from * Math.PI) / 180, (to * Math.PI) / 180);
        } else for (let i = 0; i < stroke.length; i += 2) g.lineTo(...at(stroke[i], stroke[i + 1]));
        g.stroke();
      }
      return light(g, 0);
    });
    const read = cells.map((x) => {
      const picture = light(seen, x);
      const off = models.map((model) => model.reduce((sum, one, i) => sum + Math.abs(one - picture[i]), 0));
      return off.indexOf(Math.min(...off));
    });
    const [h, m, s] = [0, 2, 4].map((i) => 10 * read[i] + read[i + 1]);
    const green = Array.from({ length: 25 }, (_, i) => seen.getImageData(124 + Math.round((i * 382) / 24) + 5, 285, 1, 1).data[1]);
    const shown = ((h * 60 + m) * 60 + s) * 1_000 + green.indexOf(Math.max(...green)) * 40;
    const day = 86_400_000;
    return ((((now + 8 * 3_600_000 - shown) % day) + day) % day) / 1_000;
  }, [DIGITS, small]);

/** Waits for a small picture over a place of the seek bar, from 0 to 1, and the time that stands there in seconds; the first look asks for the list. */
export async function point(page, place) {
  const box = await page.locator('.seek').boundingBox();
  await page.waitForFunction((clientX) => {
    document.querySelector('.seek').dispatchEvent(new PointerEvent('pointermove', { pointerType: 'mouse', clientX }));
    return !document.querySelector('.tile')?.hidden && document.querySelector('.tile').style.backgroundImage.includes('/sheet-');
  }, box.x + box.width * place, { timeout: 30_000 });
  const words = await page.evaluate(() => document.querySelector('.bubble span').textContent);
  return words.replace('-', '').split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
}
