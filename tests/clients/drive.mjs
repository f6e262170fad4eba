// What the drivers in JavaScript share: orders on standard input, a line of JSON each, carried out
// several at once; what came of them on standard output. See driver.py.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [folder, given] = process.argv.slice(2);

/** Loads what the SDK exports that is installed in the folder of the first argument. */
export const load = createRequire(join(folder, 'package.json'));

/** The server to talk to, and in which era. */
export const { server, mode } = JSON.parse(given);

/**
 * Connect, and do as told until told to close.
 *
 * connect() comes to a client and its protocol version, call() to the result of a tool.
 */
export async function drive(connect, call) {
  const calls = new Map();
  let client;
  const deeds = {
    connect: async () => {
      const connected = await connect();
      client = connected.client;
      return { version: connected.version };
    },
    list: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async ({ id, tool, given, seconds }) => {
      const control = new AbortController();
      calls.set(id, control);
      const options = { signal: control.signal, timeout: seconds * 1000 };
      const result = await call(client, { name: tool, arguments: given }, options);
      return result.content.map((block) => block.text).join('');
    },
    cancel: async ({ call }) => calls.get(call).abort('not needed any more'),
    close: async () => await client.close(),
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    const done = carryOut(order.id, () => deeds[order.do](order));
    if (order.do === 'close') {
      await done;
      break;
    }
  }
  process.exit();
}

async function carryOut(id, work) {
  const answer = (outcome) => process.stdout.write(JSON.stringify({ id, ...outcome }) + '\n');
  try {
    answer({ result: (await work()) ?? null });
  } catch (problem) {
    answer({ error: String(problem?.message || problem) });
  }
}
