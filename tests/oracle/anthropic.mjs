import assert from 'node:assert/strict';
import test from 'node:test';
import Anthropic, { APIError, AuthenticationError, BadRequestError, NotFoundError, RateLimitError,
                    InternalServerError } from '@anthropic-ai/sdk';
import { asks, collect, errorOf, hasWeatherArguments, image, key, question, startMock,
         weather } from './mock.mjs';

const url = await startMock('--tokens', '8');
const model = 'claude-sonnet-4-5';
const client = new Anthropic({ baseURL: `${url}/anthropic`, apiKey: key, maxRetries: 0 });
const ask = { model, max_tokens: 1024, system: 'Be brief.',
              messages: [{ role: 'user', content: question }] };
const tools = [{ name: weather.name, description: weather.description,
                 input_schema: weather.parameters }];
const bad = (behaviour) => client.messages.create(ask, { headers: asks(behaviour) });
const textOf = (message) => message.content.filter((b) => b.type === 'text').map((b) => b.text).join('');

test('a message', async () => {
  const answer = await client.messages.create(ask);
  assert.equal(answer.type, 'message');
  assert.equal(answer.stop_reason, 'end_turn');
  assert.ok(textOf(answer).length > 0);
  assert.equal(answer.usage.output_tokens, 8);
  assert.ok(answer._request_id.length > 0);
});

test('streamed: the same text', async () => {
  const whole = await client.messages.create(ask);
  const stream = client.messages.stream(ask);
  const pieces = [];
  stream.on('text', (text) => pieces.push(text));
  const final = await stream.finalMessage();
  assert.equal(pieces.join(''), textOf(whole));
  assert.equal(textOf(final), textOf(whole));
  assert.equal(final.stop_reason, 'end_turn');
  assert.equal(final.usage.output_tokens, whole.usage.output_tokens);
});

test('an image, and a mark for the prompt cache', async () => {
  const answer = await client.messages.create({
    ...ask, messages: [{ role: 'user', content: [
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: image } },
      { type: 'text', text: 'What is it?', cache_control: { type: 'ephemeral' } }] }],
  }, { headers: asks('cached=3') });
  assert.ok(textOf(answer).length > 0);
  assert.equal(answer.usage.cache_read_input_tokens, 3);
});

test('tools, and their results', async () => {
  const called = await client.messages.create({ ...ask, tools, tool_choice: { type: 'any' } });
  assert.equal(called.stop_reason, 'tool_use');
  const call = called.content.find((block) => block.type === 'tool_use');
  assert.equal(call.name, 'get_weather');
  hasWeatherArguments(call.input);
  const told = await client.messages.create({
    ...ask, tools,
    messages: [...ask.messages, { role: 'assistant', content: called.content },
               { role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id,
                                           content: 'blue' }] }],
  });
  assert.equal(told.stop_reason, 'end_turn');
});

test('tools, streamed', async () => {
  const final = await client.messages.stream({ ...ask, tools, tool_choice: { type: 'any' } },
                                             { headers: asks('tool=2') }).finalMessage();
  const calls = final.content.filter((block) => block.type === 'tool_use');
  assert.equal(calls.length, 2);
  calls.forEach((call) => hasWeatherArguments(call.input));
});

test('thoughts, and their signature sent back', async () => {
  const thinking = { type: 'enabled', budget_tokens: 1024 };
  const asked = { ...ask, max_tokens: 4096, thinking };
  const final = await client.messages.stream(asked).finalMessage();
  const thought = final.content.find((block) => block.type === 'thinking');
  assert.ok(thought.thinking.length > 0 && thought.signature.length > 0);
  const next = await client.messages.create({
    ...asked, messages: [...ask.messages, { role: 'assistant', content: final.content },
                         { role: 'user', content: 'And through Linz?' }],
  });
  assert.equal(next.stop_reason, 'end_turn');
});

test('tokens are counted', async () => {
  const count = await client.messages.countTokens({ model, messages: ask.messages });
  assert.ok(count.input_tokens > 0);
});

test('models, page by page', async () => {
  const models = await collect(client.models.list({ limit: 2 }, { headers: asks('models=5') }));
  assert.equal(models.length, 5);
  assert.equal(new Set(models.map((m) => m.id)).size, 5);
  const [first] = await collect(client.models.list());
  assert.equal((await client.models.retrieve(first.id)).id, first.id);
});

test('errors have their types', async () => {
  const wrong = new Anthropic({ baseURL: `${url}/anthropic`, apiKey: 'no', maxRetries: 0 });
  const refused = await errorOf(wrong.messages.create(ask));
  assert.ok(refused instanceof AuthenticationError);
  assert.equal(refused.error.error.type, 'authentication_error');
  const rate = await errorOf(bad('status=429,retry-after=7'));
  assert.ok(rate instanceof RateLimitError);
  assert.equal(rate.headers.get('retry-after'), '7');
  assert.ok(await errorOf(bad('status=400')) instanceof BadRequestError);
  assert.ok(await errorOf(bad('status=404')) instanceof NotFoundError);
  const overloaded = await errorOf(bad('status=529'));
  assert.ok(overloaded instanceof InternalServerError);
  assert.equal(overloaded.error.error.type, 'overloaded_error');
});

test('its own retries come through', async () => {
  const patient = new Anthropic({ baseURL: `${url}/anthropic`, apiKey: key, maxRetries: 2 });
  const answer = await patient.messages.create(
    ask, { headers: asks('status=529,retry-after-ms=1,times=1') });
  assert.equal(answer.stop_reason, 'end_turn');
});

test('streams that go wrong', async () => {
  const stream = (behaviour) => client.messages.create({ ...ask, stream: true },
                                                       { headers: asks(behaviour) }).then(collect);
  assert.ok(await errorOf(stream('error-event=3')) instanceof APIError);
  await errorOf(stream('cut=3,reset'));
  await errorOf(client.messages.stream(ask, { headers: asks('no-done,no-finish') }).finalMessage());
});
