// Tells scenarios to a server, in Node or in Chromium: `node tests/chat/run.mjs node|chromium`. The first line of the input says where and
// what; `restart` on the output asks for another server, and a line on the input says that it is there. In Node each line `wire ...` on
// the output has the frames of one connection.
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { runScenario } from './runner.mjs';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => (await lines.next()).value;
const { origin, scenarios, tokens } = JSON.parse(await next());
const restart = async () => {
  console.log('restart');
  await next();
};
const url = `${origin.replace('http', 'ws')}/chat`;
const faults = [];
const wires = [];

async function inNode() {
  const client = await import('../../web/dist/weir-chat.js');
  return (scenario, room) => runScenario(scenario, { ...client, url, room, tokens, restart, wires });
}

async function inChromium() {
  const { chromium } = await import('../browser/node_modules/playwright-core/index.mjs');
  const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking'];
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args });
  const page = await browser.newPage();
  await page.exposeFunction('restartServer', restart);
  await page.route('**/runner.mjs', async (route) => {
    const body = await readFile(new URL('runner.mjs', import.meta.url), 'utf8');
    await route.fulfill({ contentType: 'text/javascript', body });
  });
  await page.goto(origin);
  const tell = (scenario, room) =>
    page.evaluate(
      async ([scenario, env]) => {
        const [client, { runScenario }] = await Promise.all([import('/weir-chat.js'), import('/runner.mjs')]);
        await runScenario(scenario, { ...env, ...client, restart: () => window.restartServer() });
      },
      [scenario, { url, room, tokens }],
    );
  return Object.assign(tell, { end: () => browser.close() });
}

const tell = await (process.argv[2] === 'chromium' ? inChromium() : inNode());
const told = async ({ name, scenario }) => {
  await tell(scenario, name).catch((error) => faults.push(`${name}: ${error.message}`));
};
// Rooms know nothing of each other, but a restart ends what goes on in all of them.
const restarts = ({ scenario }) => scenario.steps.some((step) => step.restart);
await Promise.all(scenarios.filter((one) => !restarts(one)).map(told));
for (const one of scenarios.filter(restarts)) await told(one);
await tell.end?.();
wires.forEach((wire) => console.log(`wire ${JSON.stringify(wire)}`));
faults.forEach((fault) => console.log(fault));
console.log(`${scenarios.length - faults.length} of ${scenarios.length} told`);
// Only when all of it is on its way: writing to a pipe takes its time.
process.stdout.write('', () => process.exit(faults.length ? 1 : 0));
