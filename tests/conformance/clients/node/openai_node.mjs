// Does the same as openai_python.py with `openai` of Node: reads commands and writes results, each a line of JSON.
// The results are read from the SDK's own objects and have the same form as those of openai_python.py.

import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const HEADERS = ["x-conversation-id", "idempotent-replayed", "openai-version"];
const City = z.object({ name: z.string(), people: z.number().int() });

const write = (result) => process.stdout.write(JSON.stringify(result) + "\n");

async function outcome(command) {
  const result = {};
  let sent = 0;
  const counted = (...call) => (sent++, fetch(...call));
  const { api_key: apiKey, base_url: baseURL, max_retries: maxRetries, timeout } = command.client;
  // The SDK takes its own default for what is undefined; its timeouts are milliseconds.
  const client = new OpenAI({ apiKey, baseURL, maxRetries, timeout: timeout && timeout * 1000, fetch: counted });
  try {
    await verbs[command.do](client, command.body, { headers: command.headers }, result);
  } catch (error) {
    if (!(error instanceof OpenAI.APIError)) throw error;
    result.error = describeError(error);
  }
  return { ...result, http_requests: sent };
}

const describeError = (error) => ({
  class: error.constructor.name,
  status: error.status ?? null,
  code: error.code ?? null,
  type: error.type ?? null,
  param: error.param ?? null,
  request_id: (error.requestID ?? "").slice(0, 4),
});

const describeCall = (call) => [call.id, call.type, call.function.name, call.function.arguments];
const describeUsage = (usage) => usage && [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens];

const describeChoice = ({ index, message, finish_reason }) => ({
  index,
  role: message.role,
  content: message.content,
  refusal: message.refusal,
  tool_calls: (message.tool_calls ?? []).map(describeCall),
  finish_reason,
});

function addChoice(result, { index, delta, finish_reason }) {
  result.texts[index] = (result.texts[index] ?? "") + (delta.content ?? "");
  if (delta.role) result.roles.push([String(index), delta.role]);
  if (finish_reason) result.finish_reasons[index] = finish_reason;
  for (const call of delta.tool_calls ?? []) {
    const known = (result.calls[call.index] ??= [call.id, call.type, call.function.name, ""]);
    known[3] += call.function.arguments ?? "";
  }
}

const verbs = {
  async chat(client, body, options, result) {
    const { data, response } = await client.chat.completions.create(body, options).withResponse();
    const shown = HEADERS.filter((name) => response.headers.has(name));
    result.headers = Object.fromEntries(shown.map((name) => [name, response.headers.get(name)]));
    Object.assign(result, {
      id: data.id,
      object: data.object,
      model: data.model,
      choices: data.choices.map(describeChoice),
      usage: describeUsage(data.usage),
      request_id: (data._request_id ?? "").slice(0, 4),
    });
  },

  async stream(client, body, options, result) {
    const ids = new Set();
    Object.assign(result, { texts: {}, roles: [], finish_reasons: {}, calls: {}, usages: [], without_choice: 0 });
    for await (const chunk of await client.chat.completions.create({ ...body, stream: true }, options)) {
      result.distinct_ids = ids.add(chunk.id).size;
      result.without_choice += chunk.choices.length ? 0 : 1;
      if (chunk.usage) result.usages.push(describeUsage(chunk.usage));
      for (const choice of chunk.choices) addChoice(result, choice);
    }
  },

  // The SDK's own way of adding up a stream.
  async stream_helper(client, body, options, result) {
    const done = await client.chat.completions.stream(body, options).finalChatCompletion();
    result.choices = done.choices.map(describeChoice);
    result.usage = describeUsage(done.usage);
  },

  async parse(client, body, options, result) {
    const command = { ...body, response_format: zodResponseFormat(City, "City") };
    const done = await client.chat.completions.parse(command, options);
    result.parsed = done.choices[0].message.parsed;
    result.is_parsed = City.safeParse(result.parsed).success;
  },

  // The assistant's message is sent back as the SDK's object.
  async tool_round_trip(client, body, options, result) {
    const { message } = (await client.chat.completions.create(body, options)).choices[0];
    const calls = message.tool_calls ?? [];
    result.calls = calls.map(describeCall);
    const results = calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: `result ${id}` }));
    const again = { ...body, messages: [...body.messages, message, ...results] };
    result.content = (await client.chat.completions.create(again, options)).choices[0].message.content;
  },

  async completions(client, body, options, result) {
    const done = await client.completions.create(body, options);
    result.texts = done.choices.map((choice) => [choice.index, choice.text, choice.finish_reason]);
    result.usage = describeUsage(done.usage);
  },

  async completions_stream(client, body, options, result) {
    Object.assign(result, { text: "", usages: [] });
    for await (const chunk of await client.completions.create({ ...body, stream: true }, options)) {
      result.text += chunk.choices.map((choice) => choice.text).join("");
      if (chunk.usage) result.usages.push(describeUsage(chunk.usage));
    }
  },

  async embeddings(client, body, options, result) {
    const made = await client.embeddings.create(body, options);
    result.vectors = made.data.map((item) => [item.index, Array.from(item.embedding)]);
    result.usage = [made.usage.prompt_tokens, made.usage.total_tokens];
  },

  async models(client, body, options, result) {
    result.models = [];
    for await (const { id, object, owned_by } of client.models.list(options)) result.models.push([id, object, owned_by]);
  },

  async model(client, body, options, result) {
    const { id, object, owned_by } = await client.models.retrieve(body.model, options);
    result.model = [id, object, owned_by];
  },

  async image(client, body, options, result) {
    result.images = (await client.images.generate(body, options)).data.length;
  },
};

const installed = new URL("./node_modules/openai/package.json", import.meta.url);
write({ version: JSON.parse(readFileSync(installed)).version });
for await (const line of createInterface({ input: process.stdin })) write(await outcome(JSON.parse(line)));
