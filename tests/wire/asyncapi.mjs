// Holds the AsyncAPI document of the chat against the official parser, its own examples, and frames that were really sent.
// Reads `{document, wires, items, shown}` from the input: what was sent on each connection, items of a room, and frames that the
// documents for people show. Prints what is wrong.
import { Parser } from '@asyncapi/parser';
import Ajv from 'ajv';
import { text } from 'node:stream/consumers';

const { document, wires, items, shown } = JSON.parse(await text(process.stdin));
const faults = new Set();
const { messages, schemas } = document.components;

for (const { severity, path, message } of await new Parser().validate(JSON.stringify(document))) {
  // 0 and 1 are errors and warnings; below are opinions on style.
  if (severity <= 1) faults.add(`the parser: ${path.join('.')}: ${message}`);
}

/** The document with every object closed: clients are to ignore what they do not know, but here nothing may be undocumented. */
const close = (node) => {
  if (typeof node !== 'object' || node === null) return;
  if (node.type === 'object' && node.properties) node.additionalProperties = false;
  Object.values(node).forEach(close);
};
const closed = structuredClone({ components: document.components });
close(closed.components.schemas);
const ajv = new Ajv({ strict: false, allErrors: false });
ajv.addSchema(closed, 'chat');

/** What is wrong with a value, of which `tag` says which of several schemas is meant. */
const check = (schema, value) => {
  const validate = ajv.getSchema(`chat#/components/${schema}`);
  return validate(value) ? null : ajv.errorsText(validate.errors);
};

for (const [name, { payload, examples, summary, description }] of Object.entries(messages)) {
  if (!examples?.length || !summary || !description) faults.add(`${name} lacks words or examples`);
  // Every form of a message has an example, and every example is of one form alone.
  const forms = (payload.oneOf ?? [payload]).map(({ $ref }) => $ref.split('/').pop());
  const shown = new Set();
  for (const example of examples ?? []) {
    if (example.payload.t !== name) faults.add(`an example of ${name} is a ${example.payload.t}`);
    const fitting = forms.filter((form) => !check(`schemas/${form}`, example.payload));
    if (fitting.length !== 1) faults.add(`${name}, example ${example.name}: ${check(`messages/${name}/payload`, example.payload)}`);
    fitting.forEach((form) => shown.add(form));
  }
  forms.filter((form) => !shown.has(form)).forEach((form) => faults.add(`${form} has no example`));
}
const shownItems = Object.values(messages).flatMap(({ examples }) => examples.flatMap(({ payload }) => payload.items ?? []));
for (const { $ref } of schemas.Item.oneOf) {
  const form = $ref.split('/').pop();
  if (!shownItems.some((item) => !check(`schemas/${form}`, item))) faults.add(`${form} has no example`);
}

/** Fields say what they are, themselves or by the schema that they are. */
for (const [name, schema] of Object.entries(schemas)) {
  if (!schema.description) faults.add(`${name} has no description`);
  for (const [field, one] of Object.entries(schema.properties ?? {})) {
    if (!one.description && !one.$ref && !('const' in one) && !one.enum) faults.add(`${name}.${field} has no description`);
  }
}

// What the server sent is as documented. What a client sent is so too, or was refused: the server takes nothing that is not documented.
let count = 0;
const seen = new Set();
for (const wire of wires) {
  const said = wire.map(({ from, text }) => ({ from, frame: parse(text) }));
  said.forEach(({ from, frame }, at) => {
    // What is no JSON is nothing that a schema could judge; the stories say what comes of it.
    if (from === 'client' && frame === undefined) return;
    count++;
    const type = frame?.t;
    const wrong = messages[type] ? check(`messages/${type}/payload`, frame) : 'no such type is documented';
    if (!wrong) seen.add(type);
    else if (from === 'server' || !isRefused(frame, said.slice(at + 1))) faults.add(`the ${from}'s ${JSON.stringify(frame)}: ${wrong}`);
  });
}
Object.keys(messages).filter((type) => !seen.has(type)).forEach((type) => faults.add(`no ${type} was sent`));

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRefused({ cid = null }, after) {
  const refusal = ({ t, cid: named, code }) => code === 'bad_message' && (t === 'bye' || (t === 'reject' && named === cid));
  return after.some(({ from, frame }) => from === 'server' && refusal(frame));
}

for (const frame of shown) {
  const wrong = messages[frame.t] ? check(`messages/${frame.t}/payload`, frame) : 'no such type is documented';
  if (wrong) faults.add(`people are shown ${JSON.stringify(frame)}: ${wrong}`);
}

for (const item of items) {
  const wrong = check('schemas/Item', item);
  if (wrong) faults.add(`the item ${JSON.stringify(item)}: ${wrong}`);
}

faults.forEach((fault) => console.log(fault));
console.log(`${Object.keys(messages).length} messages, ${count} frames, ${items.length} items, ${faults.size} faults`);
process.exitCode = faults.size ? 1 : 0;
