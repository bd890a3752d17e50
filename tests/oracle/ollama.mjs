import assert from 'node:assert/strict';
import test from 'node:test';
import { Ollama } from 'ollama';
import { asks, collect, errorOf, fits, hasWeatherArguments, image, key, question, schema, startMock,
         weather } from './mock.mjs';

const url = await startMock('--tokens', '8');
const model = 'llama3.2';
const doing = (behaviour) => new Ollama({
  host: `${url}/ollama`,
  headers: { authorization: `Bearer ${key}`, ...(behaviour ? asks(behaviour) : {}) },
});
const client = doing();
const messages = [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: question }];
const tools = [{ type: 'function', function: weather }];

test('chat', async () => {
  const answer = await client.chat({ model, messages });
  assert.equal(answer.done, true);
  assert.equal(answer.done_reason, 'stop');
  assert.ok(answer.message.content.length > 0);
  assert.equal(answer.eval_count, 8);
});

test('streamed: the same text', async () => {
  const whole = await client.chat({ model, messages });
  const parts = await collect(await client.chat({ model, messages, stream: true }));
  assert.equal(parts.map((p) => p.message.content).join(''), whole.message.content);
  assert.equal(parts.at(-1).done, true);
  assert.equal(parts.at(-1).eval_count, 8);
});

test('tools, and their results', async () => {
  const called = await doing('tool').chat({ model, messages, tools });
  const [call] = called.message.tool_calls;
  hasWeatherArguments(call.function.arguments);
  const told = await client.chat({
    model, tools,
    messages: [...messages, called.message,
               { role: 'tool', tool_name: call.function.name, content: 'blue' }],
  });
  assert.ok(told.message.content.length > 0);
});

test('an image, structured output, thoughts', async () => {
  const seen = await client.chat({ model, messages: [{ role: 'user', content: 'What is it?',
                                                       images: [image] }] });
  assert.ok(seen.message.content.length > 0);
  fits((await client.chat({ model, messages, format: schema })).message.content);
  const parts = await collect(await client.chat({ model, messages, think: true, stream: true }));
  assert.ok(parts.map((p) => p.message.thinking ?? '').join('').length > 0);
});

test('generate', async () => {
  const whole = await client.generate({ model, prompt: question, options: { num_ctx: 4096 } });
  assert.ok(whole.response.length > 0);
  const parts = await collect(await client.generate({ model, prompt: question, stream: true,
                                                      options: { num_ctx: 4096 } }));
  assert.equal(parts.map((p) => p.response).join(''), whole.response);
});

test('embeddings', async () => {
  const answer = await client.embed({ model, input: ['one', 'two'] });
  assert.equal(answer.embeddings.length, 2);
  assert.ok(answer.embeddings[0].length > 0);
});

test('models: list, show, running, version, pull, delete', async () => {
  const { models } = await doing('models=3').list();
  assert.equal(models.length, 3);
  assert.ok((await client.show({ model })).details.family.length > 0);
  assert.ok(Array.isArray((await client.ps()).models));
  assert.match((await client.version()).version, /^\d+\.\d+/);
  const steps = await collect(await doing('tokens=4').pull({ model, stream: true }));
  assert.ok(steps.some((s) => s.total > 0 && s.completed >= 0));
  assert.equal(steps.at(-1).status, 'success');
  assert.equal((await client.delete({ model })).status, 'success');
});

test('errors have their status', async () => {
  const refused = await errorOf(new Ollama({ host: `${url}/ollama` }).chat({ model, messages }));
  assert.equal(refused.status_code, 401);
  for (const status of [400, 404, 429, 500, 503]) {
    const error = await errorOf(doing(`status=${status}`).chat({ model, messages }));
    assert.equal(error.status_code, status);
    assert.ok(error.error.length > 0);
  }
});

test('streams that go wrong', async () => {
  const stream = (behaviour) => doing(behaviour).chat({ model, messages, stream: true }).then(collect);
  const failed = await errorOf(stream('error-event=3'));
  assert.ok(failed.message.length > 0);
  await errorOf(stream('cut=3'));
  await errorOf(stream('cut=3,reset'));
});
