import assert from 'node:assert/strict';
import test from 'node:test';
import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand, InvokeModelCommand,
         AccessDeniedException, ThrottlingException, ValidationException,
         ResourceNotFoundException, InternalServerException } from '@aws-sdk/client-bedrock-runtime';
import { asks, collect, errorOf, hasWeatherArguments, image, key, question, startMock,
         weather } from './mock.mjs';

// The later --require-key counts: an access key's id and secret.
const id = 'AKIDEXAMPLE', secret = 'wJalrXUtnFEMI+bPxRfiCYEXAMPLEKEY/of+delphi';
const url = await startMock('--tokens', '8', '--require-key', `${id}:${secret}`);
const at = (accessKeyId, secretAccessKey, maxAttempts = 1) => new BedrockRuntimeClient({
  region: 'us-east-1', endpoint: `${url}/bedrock`, maxAttempts,
  credentials: { accessKeyId, secretAccessKey },
});
const client = at(id, secret);
const ask = { modelId: 'anthropic.claude-3-5-sonnet-20241022-v2:0', system: [{ text: 'Be brief.' }],
              messages: [{ role: 'user', content: [{ text: question }] }] };
const toolConfig = {
  tools: [{ toolSpec: { name: weather.name, description: weather.description,
                        inputSchema: { json: weather.parameters } } }],
  toolChoice: { any: {} },
};

// A header of the request, signed with the others.
function doing(behaviour, command, by = client) {
  command.middlewareStack.add((next) => (args) => {
    Object.assign(args.request.headers, asks(behaviour));
    return next(args);
  }, { step: 'build' });
  return by.send(command);
}

test('converse, signed, with a colon in the model', async () => {
  const answer = await client.send(new ConverseCommand(ask));
  assert.equal(answer.stopReason, 'end_turn');
  assert.ok(answer.output.message.content[0].text.length > 0);
  assert.equal(answer.usage.outputTokens, 8);
  assert.ok(answer.$metadata.requestId.length > 0);
});

test('converse, streamed, its checksums verified: the same text', async () => {
  const whole = await client.send(new ConverseCommand(ask));
  const { stream } = await client.send(new ConverseStreamCommand(ask));
  const events = await collect(stream);
  const text = events.map((e) => e.contentBlockDelta?.delta.text ?? '').join('');
  assert.equal(text, whole.output.message.content[0].text);
  assert.ok(events.some((e) => e.messageStop?.stopReason === 'end_turn'));
  assert.equal(events.find((e) => e.metadata).metadata.usage.outputTokens, 8);
});

test('an image', async () => {
  const answer = await client.send(new ConverseCommand({
    ...ask, messages: [{ role: 'user', content: [
      { text: 'What is it?' },
      { image: { format: 'png', source: { bytes: Buffer.from(image, 'base64') } } }] }],
  }));
  assert.equal(answer.stopReason, 'end_turn');
});

test('tools, and their results', async () => {
  const called = await client.send(new ConverseCommand({ ...ask, toolConfig }));
  assert.equal(called.stopReason, 'tool_use');
  const call = called.output.message.content.find((block) => block.toolUse).toolUse;
  hasWeatherArguments(call.input);
  const told = await client.send(new ConverseCommand({
    ...ask, toolConfig: { tools: toolConfig.tools },
    messages: [...ask.messages, called.output.message,
               { role: 'user', content: [{ toolResult: { toolUseId: call.toolUseId,
                                                         content: [{ text: 'blue' }] } }] }],
  }));
  assert.equal(told.stopReason, 'end_turn');
});

test('tools, streamed', async () => {
  const { stream } = await client.send(new ConverseStreamCommand({ ...ask, toolConfig }));
  const events = await collect(stream);
  const text = events.map((e) => e.contentBlockDelta?.delta.toolUse?.input ?? '').join('');
  hasWeatherArguments(JSON.parse(text));
});

test('embeddings, by Titan', async () => {
  const answer = await client.send(new InvokeModelCommand({
    modelId: 'amazon.titan-embed-text-v2:0', contentType: 'application/json',
    body: JSON.stringify({ inputText: 'one', dimensions: 256 }),
  }));
  assert.equal(JSON.parse(Buffer.from(answer.body).toString()).embedding.length, 256);
});

test('errors have their types', async () => {
  const wrong = await errorOf(at(id, 'another secret').send(new ConverseCommand(ask)));
  assert.match(wrong.name, /InvalidSignature|UnrecognizedClient|AccessDenied/);
  const stranger = await errorOf(at('AKIDOTHER', secret).send(new ConverseCommand(ask)));
  assert.match(stranger.name, /UnrecognizedClient|AccessDenied/);
  const of = (behaviour) => errorOf(doing(behaviour, new ConverseCommand(ask)));
  assert.ok(await of('status=403') instanceof AccessDeniedException);
  assert.ok(await of('status=429') instanceof ThrottlingException);
  assert.ok(await of('status=400') instanceof ValidationException);
  assert.ok(await of('status=404') instanceof ResourceNotFoundException);
  assert.ok(await of('status=500') instanceof InternalServerException);
});

test('its own retries come through', async () => {
  const answer = await doing('status=503,times=1', new ConverseCommand(ask), at(id, secret, 3));
  assert.equal(answer.stopReason, 'end_turn');
});

test('streams that go wrong', async () => {
  const stream = async (behaviour) =>
    collect((await doing(behaviour, new ConverseStreamCommand(ask))).stream);
  const failed = await errorOf(stream('error-event=3'));
  assert.match(failed.name, /Exception/);
  await errorOf(stream('cut=3,reset'));
});
