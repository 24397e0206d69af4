// Plays the demo late with hls.js alone, as any page would: in our words, Tencent's and Aliyun's. How late is read from the picture.
import { fileURLToPath } from 'node:url';
import { age, frames, look, open, run } from './common.mjs';

const [origin] = process.argv.slice(2);
const HLS = fileURLToPath(new URL('../../web/node_modules/hls.js/dist/hls.light.min.js', import.meta.url));
/** The list is so late; a player stays up to three segments of some two seconds behind its end, and a segment is listed whole. */
const SLACK_S = 10;

await run(async (browser, check) => {
  const { page, errors } = await open(browser, origin);
  await page.route(`${origin}/player`, (route) => route.fulfill({ contentType: 'text/html', body: '<video muted playsinline></video>' }));
  // Something must be as old as that.
  const old = Date.now() + 16_000;
  for (const [name, query, seconds] of [
    ['now', '', 0],
    ['ours', 'delay=8', 8],
    ["Tencent's", 'txTimeshift=on&tsDelay=12', 12],
    ["Aliyun's", 'aliyunols=on&lhs_offset_unix_s_0=16', 16],
  ]) {
    await page.goto(`${origin}/player`);
    await page.addScriptTag({ path: HLS });
    await page.evaluate((url) => {
      const video = document.querySelector('video');
      const hls = new Hls({ manifestLoadingMaxRetry: 20, manifestLoadPolicy: { default: { maxTimeToFirstByteMs: 30_000, maxLoadTimeMs: 30_000, timeoutRetry: null, errorRetry: { maxNumRetry: 20, retryDelayMs: 500, maxRetryDelayMs: 500 } } } });
      hls.attachMedia(video);
      hls.loadSource(url);
      void video.play();
    }, `${origin}/live/demo.m3u8?${query}`);
    await page.waitForFunction(() => document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames > 10, null, { timeout: 60_000 });
    const first = await look(page);
    await frames(page, 50);
    const second = await look(page);
    const behind = await age(page);
    check(`${name}: the picture moves`, second.hash !== first.hash && second.time > first.time + 1, [first, second]);
    check(`${name}: it is as late as was asked for`, behind >= seconds && behind < seconds + SLACK_S, behind);
  }
  check('no error in the page', errors.length === 0, errors);
});
