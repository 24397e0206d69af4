// Watches a recording of the demo: from its poster on, through HLS and the file, with jumps, rates, keys and small pictures.
import { WINDOWS, frames, look, open, run, said, seek } from './common.mjs';

const [origin, out, id] = process.argv.slice(2);
const clock = (words) => words.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
const playing = (page) => page.waitForFunction(() => document.querySelector('.stage').dataset.state === 'playing', null, { timeout: 30_000 });

await run(async (browser, check) => {
  for (const { name, ...window } of WINDOWS) {
    const { page, errors, outside } = await open(browser, origin, window);
    await page.goto(`${origin}/replay/${id}`);
    await page.locator('.poster').waitFor();
    const poster = await page.waitForFunction(() => document.querySelector('.poster').naturalWidth, null, { timeout: 30_000 });
    check(`${name}: there is a poster`, (await poster.jsonValue()) === 640, await poster.jsonValue());
    await page.screenshot({ path: `${out}/replay-${name}-ready.png` });
    await page.locator('.start').click();
    await playing(page);
    await frames(page, 25);
    const first = await look(page);
    const length = clock((await said(page)).whole);
    check(`${name}: it plays from the beginning`, first.time > 0.5 && first.time < 20 && first.brightness > 15, first);
    check(`${name}: it is as long as the show was`, length >= 10, await said(page));
    check(`${name}: sound is decoded`, first.audioBytes > 0, first);

    await seek(page, 0.75);
    await page.waitForFunction((from) => document.querySelector('video').currentTime > from, 0.7 * length, { timeout: 30_000 });
    await frames(page, 10);
    const second = await look(page);
    check(`${name}: it jumps to where one clicks`, Math.abs(second.time - 0.75 * length) < 4, [second, length]);
    check(`${name}: another picture is shown there`, second.hash !== first.hash, [first, second]);
    check(`${name}: the time beside the bar is right`, Math.abs(clock((await said(page)).here) - second.time) < 2, [await said(page), second]);

    await page.keyboard.press(' ');
    await page.waitForFunction(() => document.querySelector('.stage').dataset.state === 'paused', null, { timeout: 30_000 });
    const still = await look(page);
    await page.keyboard.press('ArrowLeft');
    await page.waitForFunction((from) => document.querySelector('video').currentTime < from - 4, still.time, { timeout: 30_000 });
    check(`${name}: keys stop it and step back`, (await said(page)).state === 'paused', await said(page));
    await page.keyboard.press(' ');
    await playing(page);

    await page.locator('.with-menu .control').first().click();
    await page.getByRole('menuitemradio', { name: '2×' }).click();
    check(`${name}: it plays at twice the speed`, (await page.evaluate(() => document.querySelector('video').playbackRate)) === 2);
    const box = await page.locator('.seek').boundingBox();
    await page.mouse.move(box.x + box.width * 0.3, box.y + box.height / 2);
    // The first move asks for the pictures.
    await page.waitForFunction(() => {
      document.querySelector('.seek').dispatchEvent(new PointerEvent('pointermove', { pointerType: 'mouse', clientX: 200 }));
      return document.querySelector('.tile')?.style.backgroundImage.includes('/sheet-');
    }, null, { timeout: 30_000 });
    const tile = await page.evaluate(async () => {
      const url = /url\("(.*)"\)/.exec(getComputedStyle(document.querySelector('.tile')).backgroundImage)[1];
      const image = new Image();
      image.src = url;
      await image.decode();
      return [image.naturalWidth, image.naturalHeight];
    });
    check(`${name}: small pictures stand over the bar`, tile[0] >= 160 && tile[1] >= 90, tile);
    await page.screenshot({ path: `${out}/replay-${name}.png` });

    await seek(page, 0.99);
    await page.waitForFunction(() => document.querySelector('.stage').dataset.state === 'ended', null, { timeout: 30_000 });
    await page.locator('.start').click();
    await playing(page);
    check(`${name}: it begins again`, (await look(page)).time < 5, await look(page));
    check(`${name}: nothing was loaded from elsewhere`, outside.length === 0, outside);
    check(`${name}: no error in the page`, errors.length === 0, errors);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    check(`${name}: nothing sticks out sideways`, overflow <= 0, overflow);
    await page.context().close();
  }

  // The file, from a place that the address names.
  const { page } = await open(browser, origin);
  await page.goto(`${origin}/replay/${id}?player=mp4&t=6`);
  await page.locator('.start').click();
  await playing(page);
  await frames(page, 10);
  const there = await look(page);
  check('the file plays from the named second on', there.time >= 5.5 && there.time < 12, there);
  check('it is the file', await page.evaluate(() => document.querySelector('video').currentSrc.includes('.mp4')));
  await page.goto(`${origin}/replay/0123456789abcdef01234567`);
  await page.waitForFunction(() => document.body.innerText.includes('没有这个回放'), null, { timeout: 30_000 });
  check('a replay that is not there is said so', true);
  await page.screenshot({ path: `${out}/replay-absent.png` });
});
