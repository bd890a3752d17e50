import assert from 'node:assert/strict';
import test from 'node:test';
import { ApiError, FunctionCallingConfigMode, GoogleGenAI } from '@google/genai';
import { asks, collect, errorOf, fits, hasWeatherArguments, image, key, question, schema, startMock,
         weather } from './mock.mjs';

const url = await startMock('--tokens', '8');
const model = 'gemini-2.5-flash';
const at = (apiKey) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: `${url}/gemini` } });
const client = at(key);
const ask = { model, contents: question, config: { systemInstruction: 'Be brief.' } };
const doing = (behaviour, more = {}) =>
  ({ ...ask, config: { ...ask.config, ...more, httpOptions: { headers: asks(behaviour) } } });
const bad = (behaviour) => errorOf(client.models.generateContent(doing(behaviour)));
const tools = [{ functionDeclarations: [{ name: weather.name, description: weather.description,
                                          parametersJsonSchema: weather.parameters }] }];
const must = { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } };

test('content', async () => {
  const answer = await client.models.generateContent(ask);
  assert.ok(answer.text.length > 0);
  assert.equal(answer.candidates[0].finishReason, 'STOP');
  assert.equal(answer.usageMetadata.candidatesTokenCount, 8);
});

test('streamed: the same text', async () => {
  const whole = await client.models.generateContent(ask);
  const chunks = await collect(await client.models.generateContentStream(ask));
  assert.equal(chunks.map((c) => c.text ?? '').join(''), whole.text);
  assert.equal(chunks.at(-1).candidates[0].finishReason, 'STOP');
  assert.equal(chunks.at(-1).usageMetadata.candidatesTokenCount, 8);
});

test('an image', async () => {
  const answer = await client.models.generateContent({
    model, contents: [{ role: 'user', parts: [{ text: 'What is it?' },
      { inlineData: { mimeType: 'image/png', data: image } }] }],
  });
  assert.ok(answer.text.length > 0);
});

test('tools, and their results, with the signature of the thought', async () => {
  const gemini3 = 'gemini-3-pro-preview';
  const called = await client.models.generateContent(
    { ...ask, model: gemini3, config: { ...ask.config, tools, toolConfig: must } });
  const [call] = called.functionCalls;
  assert.equal(call.name, 'get_weather');
  hasWeatherArguments(call.args);
  const told = await client.models.generateContent({
    model: gemini3, config: { tools },
    contents: [{ role: 'user', parts: [{ text: question }] }, called.candidates[0].content,
               { role: 'user', parts: [{ functionResponse: { id: call.id, name: call.name,
                                                             response: { sky: 'blue' } } }] }],
  });
  assert.ok(told.text.length > 0);
});

test('tools, streamed', async () => {
  const chunks = await collect(await client.models.generateContentStream(
    doing('tool=2', { tools, toolConfig: must })));
  const calls = chunks.flatMap((c) => c.functionCalls ?? []);
  assert.equal(calls.length, 2);
  calls.forEach((call) => hasWeatherArguments(call.args));
});

test('structured output, and thoughts', async () => {
  const answer = await client.models.generateContent({
    ...ask, config: { responseMimeType: 'application/json', responseJsonSchema: schema } });
  fits(answer.text);
  const thoughts = await client.models.generateContent(
    doing('reasoning=4', { thinkingConfig: { includeThoughts: true } }));
  assert.ok(thoughts.candidates[0].content.parts.some((p) => p.thought));
  assert.equal(thoughts.usageMetadata.thoughtsTokenCount, 4);
});

test('a conversation of its own', async () => {
  const chat = client.chats.create({ model });
  assert.ok((await chat.sendMessage({ message: question })).text.length > 0);
  assert.ok((await chat.sendMessage({ message: 'And through Linz?' })).text.length > 0);
});

test('embeddings, tokens, models', async () => {
  const answer = await client.models.embedContent({
    model: 'gemini-embedding-001', contents: ['one', 'two'], config: { outputDimensionality: 8 } });
  assert.deepEqual(answer.embeddings.map((e) => e.values.length), [8, 8]);
  const count = await client.models.countTokens({ model, contents: question });
  assert.ok(count.totalTokens > 0);
  const pager = await client.models.list(
    { config: { pageSize: 2, httpOptions: { headers: asks('models=5') } } });
  assert.equal((await collect(pager)).length, 5);
  assert.equal((await client.models.get({ model })).name, `models/${model}`);
});

test('errors have their status', async () => {
  const refused = await errorOf(at('no').models.generateContent(ask));
  assert.ok(refused instanceof ApiError);
  assert.ok(refused.status === 400 || refused.status === 401);
  assert.match(refused.message, /API_KEY_INVALID|API key/);
  assert.equal((await bad('status=429')).status, 429);
  assert.match((await bad('status=429')).message, /RESOURCE_EXHAUSTED/);
  assert.equal((await bad('status=404')).status, 404);
  assert.equal((await bad('status=503')).status, 503);
});

test('streams that go wrong', async () => {
  const stream = (behaviour) => client.models.generateContentStream(doing(behaviour)).then(collect);
  assert.ok(await errorOf(stream('error-event=3')) instanceof ApiError);
  await errorOf(stream('cut=3,reset'));
});
