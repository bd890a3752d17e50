import assert from 'node:assert/strict';
import test from 'node:test';
import { CohereClientV2, CohereError, CohereClient } from 'cohere-ai';
import { asks, collect, errorOf, fits, hasWeatherArguments, key, question, schema, startMock,
         weather } from './mock.mjs';

const url = await startMock('--tokens', '8');
const model = 'command-a-03-2025';
const client = new CohereClientV2({ environment: `${url}/cohere`, token: key });
const ask = { model, messages: [{ role: 'system', content: 'Be brief.' },
                                { role: 'user', content: question }] };
const tools = [{ type: 'function', function: weather }];
const how = (behaviour) => ({ maxRetries: 0, headers: asks(behaviour) });

test('chat', async () => {
  const answer = await client.chat(ask);
  assert.equal(answer.finishReason, 'COMPLETE');
  assert.ok(answer.message.content[0].text.length > 0);
  assert.equal(answer.usage.tokens.outputTokens, 8);
  assert.ok(answer.id.length > 0);
});

test('streamed: the same text', async () => {
  const whole = await client.chat(ask);
  const events = await collect(await client.chatStream(ask));
  const text = events.filter((e) => e.type === 'content-delta').map((e) => e.delta.message.content.text);
  assert.equal(text.join(''), whole.message.content[0].text);
  assert.equal(events[0].type, 'message-start');
  const end = events.at(-1);
  assert.equal(end.type, 'message-end');
  assert.equal(end.delta.finishReason, 'COMPLETE');
  assert.equal(end.delta.usage.tokens.outputTokens, 8);
});

test('tools, and their results', async () => {
  const called = await client.chat({ ...ask, tools, toolChoice: 'REQUIRED' });
  assert.equal(called.finishReason, 'TOOL_CALL');
  const [call] = called.message.toolCalls;
  hasWeatherArguments(JSON.parse(call.function.arguments));
  const told = await client.chat({
    model, tools,
    messages: [...ask.messages, { role: 'assistant', toolCalls: called.message.toolCalls,
                                  toolPlan: called.message.toolPlan },
               { role: 'tool', toolCallId: call.id, content: 'blue' }],
  });
  assert.equal(told.finishReason, 'COMPLETE');
});

test('tools, streamed', async () => {
  const events = await collect(await client.chatStream({ ...ask, tools, toolChoice: 'REQUIRED' }));
  const text = events.filter((e) => e.type === 'tool-call-delta')
    .map((e) => e.delta.message.toolCalls.function.arguments);
  const start = events.find((e) => e.type === 'tool-call-start').delta.message.toolCalls;
  assert.equal(start.function.name, 'get_weather');
  hasWeatherArguments(JSON.parse((start.function.arguments ?? '') + text.join('')));
});

test('structured output', async () => {
  const answer = await client.chat({ ...ask, responseFormat: { type: 'json_object',
                                                               jsonSchema: schema } });
  fits(answer.message.content[0].text);
});

test('embeddings and models', async () => {
  const answer = await client.embed({ model: 'embed-v4.0', texts: ['one', 'two'],
                                      inputType: 'search_document', embeddingTypes: ['float'],
                                      outputDimension: 256 });
  assert.deepEqual(answer.embeddings.float.map((e) => e.length), [256, 256]);
  const old = new CohereClient({ environment: `${url}/cohere`, token: key });
  const page = await old.models.list({ pageSize: 2 }, how('models=5'));
  assert.equal(page.models.length, 2);
  assert.ok(page.nextPageToken.length > 0);
});

test('errors have their types', async () => {
  const wrong = new CohereClientV2({ environment: `${url}/cohere`, token: 'no' });
  const refused = await errorOf(wrong.chat(ask, { maxRetries: 0 }));
  assert.ok(refused instanceof CohereError);
  assert.equal(refused.statusCode, 401);
  for (const status of [400, 404, 429, 500, 503]) {
    const error = await errorOf(client.chat(ask, how(`status=${status}`)));
    assert.ok(error instanceof CohereError);
    assert.equal(error.statusCode, status);
  }
});

test('its own retries come through', async () => {
  const answer = await client.chat(ask, { maxRetries: 2,
                                          headers: asks('status=503,retry-after=0,times=1') });
  assert.equal(answer.finishReason, 'COMPLETE');
});

test('streams that go wrong', async () => {
  const stream = (behaviour) => client.chatStream(ask, how(behaviour)).then(collect);
  const broken = await stream('error-event=3').catch((e) => e);
  assert.ok(broken instanceof Error ||
            broken.some((e) => e.delta?.finishReason === 'ERROR'));
  await errorOf(stream('cut=3,reset'));
});
