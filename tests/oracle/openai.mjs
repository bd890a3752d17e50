import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI, { APIError, AuthenticationError, AzureOpenAI, BadRequestError, NotFoundError,
                 RateLimitError, InternalServerError } from 'openai';
import { asks, collect, errorOf, fits, hasWeatherArguments, image, key, question, schema, startMock,
         weather } from './mock.mjs';

const url = await startMock('--tokens', '8');
const model = 'gpt-4o-mini';
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const ask = { model, messages: [{ role: 'system', content: 'Be brief.' },
                                { role: 'user', content: question }] };
const tools = [{ type: 'function', function: weather }];
const bad = (behaviour) => client.chat.completions.create(ask, { headers: asks(behaviour) });

test('chat', async () => {
  const { data, response } = await client.chat.completions.create(ask).withResponse();
  assert.equal(data.object, 'chat.completion');
  assert.equal(data.choices[0].finish_reason, 'stop');
  assert.ok(data.choices[0].message.content.length > 0);
  assert.equal(data.usage.completion_tokens, 8);
  assert.equal(data.usage.total_tokens, data.usage.prompt_tokens + 8);
  assert.ok(data._request_id.length > 0);
  assert.equal(response.status, 200);
});

test('chat, streamed: the same text, and usage at the end', async () => {
  const whole = await client.chat.completions.create(ask);
  const chunks = await collect(await client.chat.completions.create(
    { ...ask, stream: true, stream_options: { include_usage: true } }));
  const text = chunks.map((c) => c.choices[0]?.delta.content ?? '').join('');
  assert.equal(text, whole.choices[0].message.content);
  assert.deepEqual(chunks.at(-1).usage.completion_tokens, whole.usage.completion_tokens);
  assert.equal(chunks.at(-2).choices[0].finish_reason, 'stop');
});

test('chat, by the helper that collects a stream', async () => {
  const runner = client.chat.completions.stream(ask);
  const final = await runner.finalChatCompletion();
  assert.equal(final.choices[0].finish_reason, 'stop');
});

test('an image', async () => {
  const answer = await client.chat.completions.create({
    model,
    messages: [{ role: 'user', content: [{ type: 'text', text: 'What is it?' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${image}` } }] }],
  });
  assert.ok(answer.choices[0].message.content.length > 0);
});

test('tools, and their results', async () => {
  const called = await client.chat.completions.create({ ...ask, tools, tool_choice: 'required' });
  assert.equal(called.choices[0].finish_reason, 'tool_calls');
  const [call] = called.choices[0].message.tool_calls;
  assert.equal(call.function.name, 'get_weather');
  hasWeatherArguments(JSON.parse(call.function.arguments));
  const told = await client.chat.completions.create({
    model, tools,
    messages: [...ask.messages, called.choices[0].message,
               { role: 'tool', tool_call_id: call.id, content: '{"sky":"blue"}' }],
  });
  assert.equal(told.choices[0].finish_reason, 'stop');
});

test('tools, streamed', async () => {
  const runner = client.chat.completions.stream({ ...ask, tools, tool_choice: 'required' },
                                                { headers: asks('tool=2') });
  const message = await runner.finalMessage();
  assert.equal(message.tool_calls.length, 2);
  for (const call of message.tool_calls)
    hasWeatherArguments(JSON.parse(call.function.arguments));
});

test('structured output', async () => {
  const answer = await client.chat.completions.parse({
    ...ask, response_format: { type: 'json_schema',
                               json_schema: { name: 'river', strict: true, schema } },
  });
  fits(answer.choices[0].message.content);
});

test('several choices, a refusal, a filter', async () => {
  const three = await client.chat.completions.create({ ...ask, n: 3 });
  assert.deepEqual(three.choices.map((c) => c.index), [0, 1, 2]);
  assert.ok((await bad('refusal')).choices[0].message.refusal.length > 0);
  assert.equal((await bad('filter')).choices[0].finish_reason, 'content_filter');
});

test('completions', async () => {
  const answer = await client.completions.create({ model, prompt: 'Once' });
  assert.equal(answer.object, 'text_completion');
  assert.ok(answer.choices[0].text.length > 0);
});

test('embeddings, which this client asks for in base64', async () => {
  const answer = await client.embeddings.create({ model: 'text-embedding-3-small',
                                                  input: ['one', 'two'], dimensions: 8 });
  assert.equal(answer.data.length, 2);
  assert.equal(answer.data[0].embedding.length, 8);
  assert.ok(answer.data.every((d) => d.embedding.every((x) => Math.abs(x) <= 1)));
});

test('models', async () => {
  const models = await collect(client.models.list());
  assert.ok(models.some((m) => m.id === model));
  assert.equal((await client.models.retrieve(model)).id, model);
});

test('errors have their types', async () => {
  const wrong = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'sk-wrong', maxRetries: 0 });
  const refused = await errorOf(wrong.chat.completions.create(ask));
  assert.ok(refused instanceof AuthenticationError);
  assert.equal(refused.code, 'invalid_api_key');
  const rate = await errorOf(bad('status=429,retry-after=7'));
  assert.ok(rate instanceof RateLimitError);
  assert.equal(rate.headers.get('retry-after'), '7');
  assert.ok(await errorOf(bad('quota')) instanceof RateLimitError);
  assert.equal((await errorOf(bad('quota'))).code, 'insufficient_quota');
  assert.ok(await errorOf(bad('status=400')) instanceof BadRequestError);
  assert.ok(await errorOf(bad('status=404')) instanceof NotFoundError);
  assert.ok(await errorOf(bad('status=503')) instanceof InternalServerError);
});

test('its own retries come through', async () => {
  const patient = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 2 });
  const answer = await patient.chat.completions.create(
    ask, { headers: asks('status=429,retry-after-ms=1,times=1') });
  assert.equal(answer.choices[0].finish_reason, 'stop');
});

test('streams that go wrong', async () => {
  const stream = (behaviour) => client.chat.completions.create(
    { ...ask, stream: true }, { headers: asks(behaviour) }).then(collect);
  assert.ok(await errorOf(stream('error-event=3')) instanceof APIError);
  await errorOf(stream('cut=3,reset'));
  await errorOf(client.chat.completions.stream(ask, { headers: asks('no-finish') })
    .finalChatCompletion());
});

// ---- Responses ----

const input = question;

test('responses', async () => {
  const answer = await client.responses.create({ model, input, instructions: 'Be brief.' });
  assert.equal(answer.status, 'completed');
  assert.ok(answer.output_text.length > 0);
  assert.equal(answer.usage.output_tokens, 8);
});

test('responses, streamed', async () => {
  const events = await collect(await client.responses.create({ model, input, stream: true }));
  assert.equal(events[0].type, 'response.created');
  const last = events.at(-1);
  assert.equal(last.type, 'response.completed');
  const text = events.filter((e) => e.type === 'response.output_text.delta').map((e) => e.delta);
  assert.equal(text.join(''), last.response.output[0].content[0].text);
  events.forEach((e, i) => assert.equal(e.sequence_number, i));
});

test('responses: the helper that collects a stream, and structured output', async () => {
  const final = await client.responses.stream({
    model, input, text: { format: { type: 'json_schema', name: 'river', strict: true, schema } },
  }).finalResponse();
  fits(final.output_text);
});

test('responses: tools, and their results', async () => {
  const functions = [{ type: 'function', strict: false, ...weather }];
  const called = await client.responses.create({ model, input, tools: functions,
                                                 tool_choice: 'required' });
  const call = called.output.find((item) => item.type === 'function_call');
  hasWeatherArguments(JSON.parse(call.arguments));
  const told = await client.responses.create({
    model, tools: functions,
    input: [{ role: 'user', content: question }, ...called.output,
            { type: 'function_call_output', call_id: call.call_id, output: 'blue' }],
  });
  assert.ok(told.output_text.length > 0);
});

test('responses: errors, and a stream that breaks', async () => {
  const at = (behaviour, more = {}) => client.responses.create({ model, input, ...more },
                                                               { headers: asks(behaviour) });
  assert.ok(await errorOf(at('status=429')) instanceof RateLimitError);
  const failed = await at('error-event=2', { stream: true }).then(collect).catch((e) => e);
  assert.ok(failed instanceof APIError ||
            failed.some((e) => e.type === 'response.failed' || e.type === 'error'));
  await errorOf(at('cut=3,reset', { stream: true }).then(collect));
});

// ---- Azure ----

test('azure', async () => {
  const azure = new AzureOpenAI({ endpoint: url, apiKey: key, apiVersion: '2024-10-21',
                                  deployment: 'my-gpt', maxRetries: 0 });
  const answer = await azure.chat.completions.create({ ...ask, model: 'my-gpt' });
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.ok('content_filter_results' in answer.choices[0]);
  const chunks = await collect(await azure.chat.completions.create({ ...ask, stream: true }));
  assert.ok(chunks.map((c) => c.choices[0]?.delta?.content ?? '').join('').length > 0);
  const wrong = new AzureOpenAI({ endpoint: url, apiKey: 'no', apiVersion: '2024-10-21',
                                  maxRetries: 0 });
  assert.ok(await errorOf(wrong.chat.completions.create(ask)) instanceof AuthenticationError);
});
