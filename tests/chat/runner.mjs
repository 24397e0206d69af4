// Tells one scenario to a server by the chat's client. It imports nothing, so that it runs in Node and in a browser alike.

/** How long a scenario waits for something that must come. */
const PATIENCE_MS = 20_000;

/** What a step may be; an order says more than one of these words. */
const VERBS = ['do', 'enter', 'say', 'send', 'wire', 'item', 'lines', 'like', 'counters', 'drop', 'resume', 'bye'];

/**
 * `env` has `ChatClient` and `webSockets`, the address `url` of the chat, the id of the `room`, the `tokens` of users, and
 * `restart()`, which comes back when the server is there again. `wires`, if it is there, gets a list of what was sent on each
 * connection.
 */
export async function runScenario(scenario, env) {
  const actors = new Map();
  try {
    for (const [number, step] of scenario.steps.entries()) {
      const label = `step ${number + 1} ${JSON.stringify(step)}`;
      await Promise.race([runStep(step, actors, scenario, env), late(label)]).catch((error) => {
        throw new Error(`${label}: ${error.message}`);
      });
      for (const [name, actor] of actors) if (actor.fault) throw new Error(`${label}: ${name} ${actor.fault}`);
    }
  } finally {
    for (const actor of actors.values()) actor.chat.close();
  }
}

async function runStep(step, actors, scenario, env) {
  if (step.restart) return restart(actors, env);
  if (step.raw) return raw(step, env);
  const verb = VERBS.find((word) => typeof step[word] === 'string');
  const name = step[verb];
  if (verb === 'enter' && !actors.has(name)) actors.set(name, new Actor(name, scenario.actors[name], env));
  const actor = actors.get(name);
  const { chat } = actor;
  switch (verb) {
    case 'enter':
      actor.frames.length = 0;
      chat.open();
      if (step.refused) return demand((await actor.frame((f) => f.t === 'bye')).code, step.refused);
      return demand(await actor.frame((f) => f.t === 'welcome'), step.has ?? {});
    case 'say':
      return actor.ask({ kind: 'text', text: step.text }, step.cid, step.gets);
    case 'send': {
      const { t, cid, kind = 'text', ...body } = step.frame;
      return actor.ask({ kind, ...body }, cid, step.gets);
    }
    case 'wire':
      actor.frames.length = 0;
      actor.link.send(JSON.stringify(step.frame));
      return step.gets && actor.frame((f) => matches(f, step.gets));
    case 'do': {
      const { do: _, what, gets, ...order } = step;
      return demand(await chat.do(what, order), gets ?? { t: 'ack' });
    }
    case 'item':
      return actor.until(() => actor.items.some((item) => matches(item, step.has)), () => actor.items);
    case 'lines': {
      const texts = () => chat.lines.filter((line) => line.text !== undefined).map((line) => line.text);
      return demand(texts(), step.are);
    }
    case 'like':
      return chat.like(step.n);
    case 'counters':
      return actor.until(() => matches(chat.counters, step.has), () => chat.counters);
    case 'drop':
      return chat.close();
    case 'resume': {
      if (step.epoch) chat.epoch = step.epoch;
      const before = actor.items.length;
      actor.frames.length = 0;
      chat.open();
      const welcome = await actor.frame((f) => f.t === 'welcome');
      demand(welcome, step.has ?? {});
      if ('recovered' in step) demand(welcome.recovered, step.recovered);
      if (step.missed) demand(actor.items.slice(before).map((item) => item.text), step.missed);
      return;
    }
    case 'bye':
      return demand((await actor.frame((f) => f.t === 'bye')).code, step.code);
    default:
      throw new Error(`there is no step ${verb}`);
  }
}

class Actor {
  items = [];
  frames = [];
  fault = null;

  constructor(name, kind, env) {
    const token = kind.guest ? null : env.tokens[name];
    const transport = { connect: (url, to) => (this.link = noted(url, to, env)) };
    this.chat = new env.ChatClient({ url: env.url, room: env.room, token, transport });
    let last = null;
    this.chat.on('welcome', (welcome) => (last = Math.max(last ?? 0, welcome.seq)));
    this.chat.on('item', (item) => {
      if (last !== null && item.seq <= last && this.chat.status.is === 'open') this.fault = `got ${item.seq} after ${last}`;
      last = item.seq;
      this.items.push(item);
    });
    this.chat.on('hole', () => (this.fault = 'has a hole'));
    this.chat.on('frame', (frame) => this.frames.push(frame));
  }

  /** Says something and looks at the answer. */
  async ask(body, cid, gets = { t: 'ack' }) {
    this.frames.length = 0;
    const one = this.chat.send(body, cid);
    demand(await this.frame((f) => (f.t === 'ack' || f.t === 'reject') && f.cid === one.cid), gets);
  }

  async frame(wanted) {
    await this.until(() => this.frames.some(wanted), () => this.frames);
    return this.frames.find(wanted);
  }

  async until(holds, seen) {
    const end = Date.now() + PATIENCE_MS;
    while (!holds()) {
      if (Date.now() > end) throw new Error(`waited in vain; what is there: ${JSON.stringify(seen())}`);
      await sleep(5);
    }
  }
}

/** Everybody who is in is told to go and loses the connection. */
async function restart(actors, env) {
  const inside = [...actors.values()].filter((actor) => actor.chat.status.is === 'open');
  inside.forEach((actor) => (actor.frames.length = 0));
  const back = env.restart();
  for (const actor of inside) {
    const { reconnect_in_ms: wait } = await actor.frame((f) => f.t === 'goaway');
    if (!(wait >= 500 && wait <= 10_000)) throw new Error(`comes back in ${wait} ms`);
    // It would come back by itself; the scenario says when.
    actor.chat.close();
  }
  await back;
}

/** A connection of a client, with a note of what is sent on it. */
function noted(url, to, env) {
  const note = noteOf(env);
  const message = (text) => {
    note('server', text);
    to.message(text);
  };
  const link = env.webSockets().connect(url, { ...to, message });
  const send = (text) => {
    note('client', text);
    link.send(text);
  };
  return { send, close: () => link.close() };
}

function noteOf({ wires }) {
  const wire = [];
  wires?.push(wire);
  return (from, text) => wire.push({ from, text });
}

/** Another connection, by hand. */
async function raw({ raw: texts, has, closed }, env) {
  const socket = new WebSocket(env.url);
  const note = noteOf(env);
  const frames = [];
  let code = null;
  socket.onmessage = ({ data }) => {
    note('server', data);
    frames.push(JSON.parse(data));
  };
  socket.onclose = (event) => (code = event.code);
  await new Promise((open, failed) => {
    socket.onopen = open;
    socket.onerror = () => failed(new Error('no connection'));
  });
  socket.onerror = null;
  for (const text of texts.map((text) => (typeof text === 'number' ? 'x'.repeat(text) : text))) {
    note('client', text);
    socket.send(text);
  }
  while (code === null && !(closed === undefined && frames.length > 0)) await sleep(5);
  if (has) demand(frames[0] ?? null, has);
  if (closed !== undefined) demand(code, closed);
  socket.close();
}

/** Whether everything that is wanted is there. */
export function matches(seen, wanted) {
  if (typeof wanted !== 'object' || wanted === null) return seen === wanted;
  if (Array.isArray(wanted))
    return Array.isArray(seen) && seen.length === wanted.length && wanted.every((one, i) => matches(seen[i], one));
  if (typeof seen === 'number') return seen >= (wanted.min ?? -Infinity) && seen <= (wanted.max ?? Infinity);
  return typeof seen === 'object' && seen !== null && Object.entries(wanted).every(([key, one]) => matches(seen[key], one));
}

function demand(seen, wanted) {
  if (!matches(seen, wanted)) throw new Error(`wanted ${JSON.stringify(wanted)}, got ${JSON.stringify(seen)}`);
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const late = (label) => sleep(PATIENCE_MS + 1_000).then(() => Promise.reject(new Error(`${label} took too long`)));
