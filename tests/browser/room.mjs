// Three people in the demo's room, in Chromium: a viewer on a phone, the host on a desktop, and a guest. What one says the others read, once and
// as text; the host keeps order; likes and gifts count; a reload loses nothing; and the end leads to the replay.
import { WINDOWS, frames, look, open, run } from './common.mjs';

const [origin, out, hostToken, viewerToken, key, recording] = process.argv.slice(2);
const [phone, desktop] = WINDOWS;
const PATIENCE = { timeout: 15_000 };

/** What can be read now, oldest first. */
const lines = (page) => page.locator('.said-line:not([data-kind=event]) .said').allTextContents();
const reads = (page, text) => page.waitForFunction((wanted) => [...document.querySelectorAll('.said-line[data-state=shown] .said')].some((line) => line.textContent === wanted), text, PATIENCE);
const gone = (page, text) => page.waitForFunction((wanted) => ![...document.querySelectorAll('.said')].some((line) => line.textContent === wanted), text, PATIENCE);
async function say(page, text) {
  await page.fill('.say', text);
  await page.keyboard.press('Enter');
}
/** Asks the API, as a shop's backend does. */
async function api(method, path, body) {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const answer = await fetch(`${origin}/api/v1/${path}`, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
}
const sideways = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

await run(async (browser, check) => {
  const enter = async (window, token) => {
    const { name: _, ...options } = window;
    const opened = await open(browser, origin, options);
    await opened.page.goto(`${origin}/r/demo${token ? `#token=${token}` : ''}`);
    await opened.page.locator('.host-bar h1').waitFor(PATIENCE);
    return opened;
  };
  // What can be given and what is sold is there before anybody comes.
  const gifts = [['flower', '小花', {}], ['rose', '玫瑰', {}], ['heart', '粉丝心', { claim: 'room' }], ['cake', '生日蛋糕', { max_count: 1, price: 8 }]];
  for (const [position, [id, name, more]] of gifts.entries()) await api('PUT', `gifts/${id}`, { name, position, ...more });
  const goods = [{ id: 'g1', name: '羊毛围巾 加厚款', price: 9900, price_to: 12900, price_kind: 'discount', url: `${origin}/?goods` }, { id: 'g2', name: '手账本', price: 2550, url: 'pages/goods?id=2' }];
  for (const one of goods) await api('POST', 'rooms/demo/goods', one);
  const [viewer, host, guest] = await Promise.all([enter(phone, viewerToken), enter(desktop, hostToken), enter(desktop, null)]);
  const everybody = [viewer, host, guest];
  check('the token does not stay in the address', !viewer.page.url().includes('token') && !host.page.url().includes('#'), viewer.page.url());
  await host.page.waitForFunction(() => document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames > 10, null, { timeout: 30_000 });
  const first = await look(host.page);
  await frames(host.page, 25);
  const second = await look(host.page);
  check('the picture moves', second.hash !== first.hash && second.width === 640, [first, second]);
  await host.page.waitForFunction(() => document.querySelector('.crowd').textContent === '3', null, PATIENCE);

  await say(viewer.page, '主播好，今天讲什么？');
  await reads(host.page, '主播好，今天讲什么？');
  await say(host.page, '欢迎！今天从头做一遍。');
  const attack = '<img src=x onerror="window.hacked=1">';
  await reads(viewer.page, '欢迎！今天从头做一遍。');
  await say(viewer.page, attack);
  await Promise.all(everybody.map(({ page }) => reads(page, attack)));
  const all = await Promise.all(everybody.map(({ page }) => lines(page)));
  check('all read the same in the same order', all.every((one) => one.join() === all[0].join()) && all[0].length === 3, all);
  const markup = await Promise.all(everybody.map(({ page }) => page.evaluate(() => [window.hacked, document.querySelectorAll('.lines img').length])));
  check('what is written stays text', markup.every(([hacked, images]) => !hacked && images === 0), markup);
  check('the host is named as such', (await viewer.page.locator('.said-line .role').allTextContents()).join() === '主播');
  check('a guest reads and is told how to write', (await guest.page.locator('.blocked').textContent()) === '登录后可以发言' && !(await guest.page.locator('.say').isVisible()));

  // Text that would turn the words around it is refused, says why, and is in the input again.
  await say(viewer.page, 'x\u202Egnp.exe');
  const refused = viewer.page.locator('.said-line[data-state=refused]');
  await refused.waitFor(PATIENCE);
  check('a refusal says why', (await refused.locator('.why').textContent()) === '消息格式不正确');
  check('its text comes back', (await viewer.page.inputValue('.say')) === 'x\u202Egnp.exe');
  await refused.locator('.mini:visible').click();
  await refused.waitFor({ state: 'detached' });

  for (let i = 0; i < 7; i++) await viewer.page.locator('.like').tap();
  await Promise.all([host, guest].map(({ page }) => page.waitForFunction(() => document.querySelector('.like .total').textContent === '7', null, PATIENCE)));
  check('likes are counted', true);
  await host.page.waitForFunction(() => document.querySelectorAll('.hearts i').length > 0, null, PATIENCE);
  await viewer.page.screenshot({ path: `${out}/room-phone.png` });
  await host.page.screenshot({ path: `${out}/room-desktop.png` });

  // A free gift, three times in a row: one line, and one row over the picture that grows and goes away.
  await viewer.page.locator('.gift-button').tap();
  check('gifts have their prices', (await viewer.page.locator('.gift-price').allTextContents()).join() === '免费,免费,领取,8 金币', await viewer.page.locator('.gift-price').allTextContents());
  const give = viewer.page.locator('.give');
  await viewer.page.getByRole('radio', { name: '×10' }).tap();
  await give.tap();
  await viewer.page.getByRole('radio', { name: '×1', exact: true }).tap();
  await give.tap();
  await give.tap();
  const grown = (page) => page.waitForFunction(() => document.querySelector('.gift-banner .times')?.textContent === '×12', null, PATIENCE);
  await Promise.all(everybody.map(({ page }) => grown(page)));
  await viewer.page.screenshot({ path: `${out}/room-gifts-phone.png`, animations: 'disabled' });
  const line = host.page.locator('.said-line[data-kind=gift]');
  check('what is given in a row is one line', (await line.allTextContents()).join() === '小红送出 小花 ×12', await line.allTextContents());
  // One that is taken out of the catalogue while somebody looks at it.
  await api('DELETE', 'gifts/rose');
  await viewer.page.getByRole('radio', { name: /玫瑰/ }).tap();
  await give.tap();
  await viewer.page.locator('.said-line[data-state=refused] .why', { hasText: /./ }).waitFor(PATIENCE);
  check('what cannot be given is refused, with its name', (await viewer.page.locator('.said-line[data-state=refused] .said').textContent()) === '送出 玫瑰 ×1' && (await viewer.page.locator('.toast').isVisible()));
  await viewer.page.locator('.said-line[data-state=refused] .mini:visible').evaluate((button) => button.click());
  await viewer.page.getByRole('radio', { name: /粉丝心/ }).tap();
  check('one that is claimed is claimed first', (await give.textContent()) === '领取');
  await give.tap();
  await viewer.page.locator('.give', { hasText: '赠送' }).waitFor(PATIENCE);
  await give.tap();
  await host.page.locator('.said-line[data-kind=gift]', { hasText: '粉丝心' }).waitFor(PATIENCE);
  await viewer.page.locator('.sheet:visible .sheet-close').tap();
  await guest.page.locator('.gift-button').click();
  check('a guest is told to log in', (await guest.page.locator('.gift-foot .hint').textContent()) === '登录后可以送礼物' && !(await guest.page.locator('.give').isVisible()));
  await guest.page.screenshot({ path: `${out}/room-gifts-desktop.png`, animations: 'disabled' });
  await guest.page.keyboard.press('Escape');

  await api('PUT', 'rooms/demo/explaining', { id: 'g1' });
  await viewer.page.locator('.goods-card', { hasText: '羊毛围巾' }).waitFor(PATIENCE);
  check('what is explained has its price', (await viewer.page.locator('.goods-card .goods-price').textContent()) === '¥99¥129');
  await viewer.page.screenshot({ path: `${out}/room-goods-phone.png`, animations: 'disabled' });
  await host.page.locator('.shelf-button').click();
  await host.page.screenshot({ path: `${out}/room-goods-desktop.png`, animations: 'disabled' });
  const tiles = await host.page.locator('.sheet .goods-tile').evaluateAll((all) => all.map((one) => [one.tagName, one.rel]));
  check('only pages of the web are links', JSON.stringify(tiles) === '[["A","noopener noreferrer"],["BUTTON",null]]' || JSON.stringify(tiles) === '[["A","noopener noreferrer"],["BUTTON"]]', tiles);
  await host.page.locator('.sheet .goods-tile').last().click();
  const clicked = async () => (await (await fetch(`${origin}/api/v1/rooms/demo/public-goods`)).json()).goods[1].clicks;
  for (let i = 0; i < 100 && (await clicked()) === 0; i++) await new Promise((done) => setTimeout(done, 100));
  check('a click is counted', (await clicked()) === 1, await clicked());
  await host.page.keyboard.press('Escape');
  await viewer.page.locator('.goods-card .sheet-close').tap();

  await host.page.locator('.said-line', { hasText: attack }).click();
  await host.page.screenshot({ path: `${out}/room-menu.png` });
  await host.page.getByRole('menuitem', { name: '撤回' }).click();
  await Promise.all(everybody.map(({ page }) => gone(page, attack)));
  check('what is taken back is gone everywhere', true);
  await host.page.locator('.said-line', { hasText: '主播好' }).click();
  await host.page.getByRole('menuitem', { name: '置顶' }).click();
  await Promise.all(everybody.map(({ page }) => page.locator('.pinned .said', { hasText: '主播好' }).waitFor(PATIENCE)));

  // One who looks at older lines is not taken away from them.
  for (let i = 1; i <= 24; i++) await say(host.page, `第 ${i} 步：慢慢来。`);
  await reads(viewer.page, '第 24 步：慢慢来。');
  await viewer.page.evaluate(() => document.querySelector('.lines').scrollTo(0, 0));
  await viewer.page.waitForFunction(() => document.querySelector('.lines').scrollTop === 0);
  await say(host.page, '还有问题吗？');
  await reads(viewer.page, '还有问题吗？');
  const chip = viewer.page.locator('.newer');
  await chip.waitFor(PATIENCE);
  check('new lines are announced', (await chip.textContent()) === '1 条新消息' && (await viewer.page.evaluate(() => document.querySelector('.lines').scrollTop)) === 0, await chip.textContent());
  await chip.click();
  await chip.waitFor({ state: 'hidden' });

  // What the room itself announces.
  await api('POST', 'rooms/demo/messages', { kind: 'notice', text: '五分钟后抽奖' });
  await Promise.all(everybody.map(({ page }) => page.locator('.said-line[data-kind=notice] .said', { hasText: '五分钟后抽奖' }).waitFor(PATIENCE)));
  const notice = host.page.locator('.said-line[data-kind=notice]');
  check('a notice is named as one', (await notice.locator('.role').textContent()) === '公告' && (await notice.locator('.name').count()) === 0, await notice.innerHTML());

  // Before a show: when it begins, and the chat. And all of it in English.
  const wish = { id: 'later', title: '秋季新品', host: { id: 'demo-host', name: '主播' }, starts_at: new Date(Date.now() + 3_725_000).toISOString() };
  await api('POST', 'rooms', wish);
  for (const [locale, starts, hint, badge, guests] of [
    ['zh-CN', /开播$/, '停在这里就好，开播后自动播放', '直播中', '登录后可以发言'],
    ['en-US', /^Starts /, 'Just stay here: it starts by itself', 'LIVE', 'Sign in to chat'],
  ])
    for (const { name, ...window } of WINDOWS) {
      const waits = await open(browser, origin, { ...window, locale });
      await waits.page.goto(`${origin}/r/later`);
      await waits.page.locator('.curtain h2', { hasText: starts }).waitFor(PATIENCE);
      const units = await waits.page.locator('.countdown:not(.sums) b:visible').allTextContents();
      check(`${locale}: it counts down`, units.length === 3 && units[0] === '01', units);
      check(`${locale}: it says to stay`, (await waits.page.locator('.curtain p').first().textContent()) === hint);
      await waits.page.screenshot({ path: `${out}/room-waiting-${locale}-${name}.png`, animations: 'disabled' });
      await waits.page.goto(`${origin}/r/demo`);
      await waits.page.locator('.host-bar .badge', { hasText: badge }).waitFor(PATIENCE);
      check(`${locale}: a guest is told how to write`, (await waits.page.locator('.blocked').textContent()) === guests);
      await reads(waits.page, '五分钟后抽奖');
      await waits.page.waitForFunction(() => document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames > 10, null, { timeout: 30_000 });
      await waits.page.screenshot({ path: `${out}/room-live-${locale}-${name}.png`, animations: 'disabled' });
      const own = await waits.page.evaluate(() => [...document.querySelectorAll('button, [aria-label], .chat-head')].map((one) => `${one.getAttribute('aria-label') ?? ''}${one.children.length ? '' : one.textContent}`).filter((text) => /[\u4e00-\u9fff]/.test(text) && text !== '中文'));
      if (locale === 'en-US') check('no button speaks Chinese to English readers', own.length === 0, own);
      check(`${locale}: no error in the page`, waits.errors.length === 0, waits.errors);
      check(`${locale}: nothing sticks out sideways`, (await sideways(waits.page)) <= 0);
      await waits.page.close();
    }

  const before = await lines(viewer.page);
  await viewer.page.reload();
  await reads(viewer.page, '还有问题吗？');
  check('a reload loses nothing', (await lines(viewer.page)).join() === before.join(), [before, await lines(viewer.page)]);
  await say(viewer.page, '我还在');
  await reads(host.page, '我还在');
  check('and the viewer is still the same', (await host.page.locator('.said-line', { hasText: '我还在' }).locator('.name').textContent()) === '小红');

  await host.page.locator('.said-line', { hasText: '我还在' }).click();
  await host.page.getByRole('menuitem', { name: '禁言 10 分钟' }).click();
  const muted = viewer.page.locator('.blocked', { hasText: /还剩 (10:00|9:5\d)/ });
  await muted.waitFor(PATIENCE);
  check('the muted are told for how long', true);
  await host.page.locator('.said-line', { hasText: '我还在' }).click();
  await host.page.getByRole('menuitem', { name: '踢出并拉黑' }).click();
  await viewer.page.locator('.curtain h2', { hasText: '你已被移出这个直播间' }).waitFor(PATIENCE);
  await viewer.page.screenshot({ path: `${out}/room-removed.png` });

  await Promise.all(everybody.map(({ page }) => page.waitForFunction(() => !document.querySelector('.gift-banner'), null, PATIENCE)));
  check('rows of gifts go away by themselves', true);
  // The show ends, and from its end one comes to the replay, with what was said at its time.
  await api('POST', `recordings/${recording}/stop`);
  check('a guest has no button that ends the show', !(await guest.page.locator('.end-show').isVisible()));
  await host.page.locator('.end-show').click();
  await host.page.screenshot({ path: `${out}/room-end-desktop.png` });
  await host.page.getByRole('button', { name: '继续直播' }).click();
  check('the host may think again', !(await host.page.locator('.ask').isVisible()) && !(await guest.page.locator('.curtain').isVisible()));
  await host.page.locator('.end-show').click();
  await host.page.locator('.ask .danger').click();
  await host.page.locator('.curtain h2', { hasText: '直播已结束' }).waitFor(PATIENCE);
  await guest.page.locator('.curtain h2', { hasText: '直播已结束' }).waitFor(PATIENCE);
  check('the end is named beside the host', (await guest.page.locator('.host-bar .badge').textContent()) === '已结束');
  const again = guest.page.locator('.replay-link');
  await again.waitFor(PATIENCE);
  check('the end leads to the replay', (await again.getAttribute('href')) === `/replay/${recording}?room=demo`, await again.getAttribute('href'));
  await guest.page.screenshot({ path: `${out}/room-over-desktop.png`, animations: 'disabled' });
  await guest.page.setViewportSize(phone.viewport);
  await guest.page.screenshot({ path: `${out}/room-over-phone.png`, animations: 'disabled' });
  await guest.page.setViewportSize(desktop.viewport);
  check('nothing can be given any more', !(await guest.page.locator('.gift-button').isVisible()));
  const replayed = await again.getAttribute('href');
  const spoken = '欢迎！今天从头做一遍。';
  const { items } = await (await fetch(`${origin}/api/v1/rooms/demo/replay-chat?from=${Date.now() - 600_000}&to=${Date.now()}`)).json();
  const { started_at: started } = await (await fetch(`${origin}/api/v1/replays/${recording}`)).json();
  const saidAt = (items.find((item) => item.text === spoken).at - Date.parse(started)) / 1_000;
  const goTo = async (second) => {
    await guest.page.goto(`${origin}${replayed}&t=${Math.floor(second)}`);
    await guest.page.locator('.start').click();
    await guest.page.waitForFunction(() => document.querySelector('.stage').dataset.state === 'playing', null, { timeout: 30_000 });
  };
  await goTo(saidAt - 2);
  const early = await guest.page.locator('.said').allTextContents();
  await guest.page.waitForFunction((wanted) => [...document.querySelectorAll('.said')].some((one) => one.textContent === wanted), spoken, PATIENCE);
  const shownAt = await guest.page.evaluate(() => document.querySelector('video').currentTime);
  check('the chat of a replay is in step with it', !early.includes(spoken) && Math.abs(shownAt - saidAt) < 2, [early, shownAt, saidAt]);
  await guest.page.screenshot({ path: `${out}/room-replay.png`, animations: 'disabled' });

  for (const [name, { page, errors, outside }] of Object.entries({ viewer, host, guest })) {
    check(`${name}: nothing was loaded from elsewhere`, outside.length === 0, outside);
    check(`${name}: no error in the page`, errors.length === 0, errors);
    const overflow = await sideways(page);
    check(`${name}: nothing sticks out sideways`, overflow <= 0, overflow);
  }
  // A room that is not there is said so in words.
  const { page } = await open(browser, origin, { viewport: phone.viewport });
  await page.goto(`${origin}/r/nowhere`);
  await page.locator('.curtain h2', { hasText: '没有这个直播间' }).waitFor(PATIENCE);
  check('a room that is not there is said so', true);
});
