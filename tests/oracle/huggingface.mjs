import assert from 'node:assert/strict';
import test from 'node:test';
import { InferenceClient } from '@huggingface/inference';
import { HfInference } from 'huggingface-inference-2'; // the last that speaks TGI's own
import { asks, collect, errorOf, fits, hasWeatherArguments, key, question, schema, startMock,
         weather } from './mock.mjs';

const url = await startMock('--tokens', '8');
const model = 'meta-llama/Llama-3.3-70B-Instruct';
const messages = [{ role: 'user', content: question }];
const tools = [{ type: 'function', function: weather }];
const client = new InferenceClient(key);
const router = client.endpoint(`${url}/v1/chat/completions`);
const tgi = new HfInference(key).endpoint(`${url}/tgi`);
const behaves = (behaviour) => ({
  retry_on_error: false,
  fetch: (at, init) => fetch(at, { ...init, headers: { ...init.headers, ...asks(behaviour) } }),
});

test('chat, by the router', async () => {
  const answer = await router.chatCompletion({ model, messages });
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.ok(answer.choices[0].message.content.length > 0);
  assert.equal(answer.usage.completion_tokens, 8);
});

test('chat, streamed: the same text', async () => {
  const whole = await router.chatCompletion({ model, messages });
  const chunks = await collect(router.chatCompletionStream({ model, messages }));
  const text = chunks.map((c) => c.choices[0]?.delta.content ?? '').join('');
  assert.equal(text, whole.choices[0].message.content);
});

test('tools, structured output', async () => {
  const called = await router.chatCompletion({ model, messages, tools, tool_choice: 'required' });
  const [call] = called.choices[0].message.tool_calls;
  hasWeatherArguments(JSON.parse(call.function.arguments));
  const formed = await router.chatCompletion({
    model, messages,
    response_format: { type: 'json_schema', json_schema: { name: 'river', schema } } });
  fits(formed.choices[0].message.content);
});

test('text generation, which goes to /v1/completions now', async () => {
  const answer = await client.endpoint(`${url}/v1`).textGeneration({ inputs: question });
  assert.ok(answer.generated_text.length > 0);
});

test('text generation by TGI, whole and streamed', async () => {
  const asked = { model, inputs: question, parameters: { max_new_tokens: 8 } };
  const whole = await tgi.textGeneration(asked);
  const parts = await collect(tgi.textGenerationStream(asked));
  const text = parts.filter((p) => !p.token.special).map((p) => p.token.text).join('');
  assert.equal(text, whole.generated_text);
  assert.equal(parts.at(-1).generated_text, whole.generated_text);
  assert.equal(parts.at(-1).details.generated_tokens, 8);
});

test('embeddings', async () => {
  const endpoint = client.endpoint(
    `${url}/hf-inference/models/thenlper/gte-large/pipeline/feature-extraction`);
  const one = await endpoint.featureExtraction({ inputs: 'one' });
  assert.ok(one.flat().every((x) => typeof x === 'number'));
  const two = await endpoint.featureExtraction({ inputs: ['one', 'two'] });
  assert.equal(two.length, 2);
});

test('errors have their status', async () => {
  const wrong = new InferenceClient('hf_wrong').endpoint(`${url}/v1/chat/completions`);
  assert.equal((await errorOf(wrong.chatCompletion({ model, messages }))).httpResponse.status, 401);
  for (const status of [400, 404, 429, 500, 503]) {
    const error = await errorOf(router.chatCompletion({ model, messages },
                                                      behaves(`status=${status}`)));
    assert.equal(error.httpResponse.status, status);
  }
});

test('streams that go wrong', async () => {
  const chat = (behaviour) =>
    collect(router.chatCompletionStream({ model, messages }, behaves(behaviour)));
  assert.ok((await errorOf(chat('error-event=3'))).message.length > 0);
  await errorOf(chat('cut=3,reset'));
  const generate = (behaviour) =>
    collect(tgi.textGenerationStream({ model, inputs: question }, behaves(behaviour)));
  assert.equal((await errorOf(generate('error-event=3'))).message, 'Incomplete generation');
  assert.notEqual((await errorOf(generate('cut=3,reset'))).message, 'fetch failed');
});
