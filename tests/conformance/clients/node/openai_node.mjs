// The twin of openai_python.py, for `openai` of Node: one JSON line in says what to do, one out what came of it.
// What it tells is read off the SDK's own objects and has the same form as what its twin tells.

import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const HEADERS = ["x-conversation-id", "idempotent-replayed", "openai-version"];
const City = z.object({ name: z.string(), people: z.number().int() });

const tell = (told) => process.stdout.write(JSON.stringify(told) + "\n");

async function outcome(asked) {
  const told = {};
  let sent = 0;
  const counted = (...call) => (sent++, fetch(...call));
  const { api_key: apiKey, base_url: baseURL, max_retries: maxRetries, timeout } = asked.client;
  // The SDK takes its own default for what is undefined; its timeouts are milliseconds.
  const client = new OpenAI({ apiKey, baseURL, maxRetries, timeout: timeout && timeout * 1000, fetch: counted });
  try {
    await verbs[asked.do](client, asked.body, { headers: asked.headers }, told);
  } catch (error) {
    if (!(error instanceof OpenAI.APIError)) throw error;
    told.error = toldError(error);
  }
  return { ...told, http_requests: sent };
}

const toldError = (error) => ({
  class: error.constructor.name,
  status: error.status ?? null,
  code: error.code ?? null,
  type: error.type ?? null,
  param: error.param ?? null,
  request_id: (error.requestID ?? "").slice(0, 4),
});

const toldCall = (call) => [call.id, call.type, call.function.name, call.function.arguments];
const toldUsage = (usage) => usage && [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens];

const toldChoice = ({ index, message, finish_reason }) => ({
  index,
  role: message.role,
  content: message.content,
  refusal: message.refusal,
  tool_calls: (message.tool_calls ?? []).map(toldCall),
  finish_reason,
});

function addChoice(told, { index, delta, finish_reason }) {
  told.texts[index] = (told.texts[index] ?? "") + (delta.content ?? "");
  if (delta.role) told.roles.push([String(index), delta.role]);
  if (finish_reason) told.finish_reasons[index] = finish_reason;
  for (const call of delta.tool_calls ?? []) {
    const known = (told.calls[call.index] ??= [call.id, call.type, call.function.name, ""]);
    known[3] += call.function.arguments ?? "";
  }
}

const verbs = {
  async chat(client, body, options, told) {
    const { data, response } = await client.chat.completions.create(body, options).withResponse();
    const shown = HEADERS.filter((name) => response.headers.has(name));
    told.headers = Object.fromEntries(shown.map((name) => [name, response.headers.get(name)]));
    Object.assign(told, {
      id: data.id,
      object: data.object,
      model: data.model,
      choices: data.choices.map(toldChoice),
      usage: toldUsage(data.usage),
      request_id: (data._request_id ?? "").slice(0, 4),
    });
  },

  async stream(client, body, options, told) {
    const ids = new Set();
    Object.assign(told, { texts: {}, roles: [], finish_reasons: {}, calls: {}, usages: [], without_choice: 0 });
    for await (const chunk of await client.chat.completions.create({ ...body, stream: true }, options)) {
      told.distinct_ids = ids.add(chunk.id).size;
      told.without_choice += chunk.choices.length ? 0 : 1;
      if (chunk.usage) told.usages.push(toldUsage(chunk.usage));
      for (const choice of chunk.choices) addChoice(told, choice);
    }
  },

  // The SDK's own way of putting a stream together.
  async stream_helper(client, body, options, told) {
    const done = await client.chat.completions.stream(body, options).finalChatCompletion();
    told.choices = done.choices.map(toldChoice);
    told.usage = toldUsage(done.usage);
  },

  async parse(client, body, options, told) {
    const asked = { ...body, response_format: zodResponseFormat(City, "City") };
    const done = await client.chat.completions.parse(asked, options);
    told.parsed = done.choices[0].message.parsed;
    told.is_parsed = City.safeParse(told.parsed).success;
  },

  // The assistant's message goes back as the SDK's object.
  async tool_round_trip(client, body, options, told) {
    const { message } = (await client.chat.completions.create(body, options)).choices[0];
    const calls = message.tool_calls ?? [];
    told.calls = calls.map(toldCall);
    const results = calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: `result ${id}` }));
    const again = { ...body, messages: [...body.messages, message, ...results] };
    told.content = (await client.chat.completions.create(again, options)).choices[0].message.content;
  },

  async completions(client, body, options, told) {
    const done = await client.completions.create(body, options);
    told.texts = done.choices.map((choice) => [choice.index, choice.text, choice.finish_reason]);
    told.usage = toldUsage(done.usage);
  },

  async completions_stream(client, body, options, told) {
    Object.assign(told, { text: "", usages: [] });
    for await (const chunk of await client.completions.create({ ...body, stream: true }, options)) {
      told.text += chunk.choices.map((choice) => choice.text).join("");
      if (chunk.usage) told.usages.push(toldUsage(chunk.usage));
    }
  },

  async embeddings(client, body, options, told) {
    const made = await client.embeddings.create(body, options);
    told.vectors = made.data.map((item) => [item.index, Array.from(item.embedding)]);
    told.usage = [made.usage.prompt_tokens, made.usage.total_tokens];
  },

  async models(client, body, options, told) {
    told.models = [];
    for await (const { id, object, owned_by } of client.models.list(options)) told.models.push([id, object, owned_by]);
  },

  async model(client, body, options, told) {
    const { id, object, owned_by } = await client.models.retrieve(body.model, options);
    told.model = [id, object, owned_by];
  },

  async image(client, body, options, told) {
    told.images = (await client.images.generate(body, options)).data.length;
  },
};

const installed = new URL("./node_modules/openai/package.json", import.meta.url);
tell({ version: JSON.parse(readFileSync(installed)).version });
for await (const line of createInterface({ input: process.stdin })) tell(await outcome(JSON.parse(line)));
