// The openai package for JavaScript.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.OPENAI_PACKAGE, "package.json"));
const OpenAI = require(process.env.OPENAI_PACKAGE);
const base = process.env.MNEMO_BASE;
const token = process.env.MNEMO_TOKEN;
const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: token, maxRetries: 0 });

const say = [{ role: "user", content: "hello there" }];
const weather = {
  type: "function",
  function: {
    name: "weather",
    parameters: { type: "object", properties: { city: { type: "string" } } },
  },
};

async function running() {
  const response = await fetch(`${base}/health`, { headers: { Authorization: `Bearer ${token}` } });
  return (await response.json()).running;
}

async function untilIdle() {
  const end = Date.now() + 5000;
  while (await running()) {
    assert(Date.now() < end, "it still runs");
    await new Promise((done) => setTimeout(done, 20));
  }
}

const checks = {
  "lists the models": async () => {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    assert.deepEqual(names, ["talker", "fake"]);
    assert.equal((await client.models.retrieve("talker")).id, "talker");
  },
  chats: async () => {
    const said = await client.chat.completions.create({ model: "talker", messages: say });
    assert.equal(said.choices[0].message.content, "You said: hello there");
    assert.equal(said.usage.total_tokens, 9);
  },
  "streams a chat": async () => {
    const stream = await client.chat.completions.create({
      model: "talker",
      messages: say,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let usage = null;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      usage = chunk.usage ?? usage;
    }
    assert.equal(text, "You said: hello there");
    assert.equal(usage.completion_tokens, 4);
  },
  "streams a call of a tool": async () => {
    const stream = client.chat.completions.stream({
      model: "talker",
      messages: say,
      tools: [weather],
    });
    const said = await stream.finalChatCompletion();
    const [call] = said.choices[0].message.tool_calls;
    assert.deepEqual(JSON.parse(call.function.arguments), { city: "Bern" });
  },
  "gets what follows a schema": async () => {
    const schema = { type: "object", properties: { degrees: { type: "integer" } } };
    const said = await client.chat.completions.create({
      model: "talker",
      messages: say,
      response_format: { type: "json_schema", json_schema: { name: "weather", schema } },
    });
    assert.deepEqual(JSON.parse(said.choices[0].message.content), { degrees: 7 });
  },
  "completes a text": async () => {
    const said = await client.completions.create({ model: "talker", prompt: "once upon" });
    assert.equal(said.choices[0].text, "You said: once upon");
  },
  embeds: async () => {
    const said = await client.embeddings.create({ model: "fake", input: ["a cat", "a dog"] });
    assert.equal(said.data.length, 2);
    const length = Math.hypot(...said.data[0].embedding);
    assert.equal(said.data[0].embedding.length, 64);
    assert(Math.abs(length - 1) < 1e-5, `its length is ${length}`);
  },
  "sees what is wrong": async () => {
    await assert.rejects(
      client.chat.completions.create({ model: "gpt-5", messages: say }),
      (problem) => problem instanceof OpenAI.NotFoundError && problem.code === "model_not_found",
    );
    await assert.rejects(
      client.chat.completions.create({ model: "talker", messages: say, n: 2 }),
      (problem) => problem instanceof OpenAI.BadRequestError && problem.param === "n",
    );
    const stranger = new OpenAI({ baseURL: `${base}/v1`, apiKey: "wrong", maxRetries: 0 });
    await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
  },
  "leaves a stream, which ends it": async () => {
    const stream = await client.chat.completions.create({
      model: "talker",
      messages: [{ role: "user", content: "for ever" }],
      stream: true,
    });
    let count = 0;
    for await (const _ of stream) {
      if (++count === 5) break;
    }
    await untilIdle();
  },
};

let failed = false;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok     openai for JavaScript: ${name}`);
  } catch (problem) {
    failed = true;
    console.log(`FAILED openai for JavaScript: ${name}: ${problem}`);
  }
}
process.exit(failed ? 1 : 0);
