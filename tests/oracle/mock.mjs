// The mock provider for a file of tests, and what the tests of all clients share. The
// clients are told where it is by options of their own, and not to retry.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after } from 'node:test';

export const key = 'sk-oracle-of-delphi';
export const question = 'Which river flows through Vienna?';

// A PNG of one pixel.
export const image = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

export const weather = {
  name: 'get_weather',
  description: 'Tells the weather of a city',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' }, days: { type: 'integer' } },
    required: ['city', 'days'],
  },
};

export const schema = {
  type: 'object',
  properties: { name: { type: 'string' }, length_km: { type: 'integer' } },
  required: ['name', 'length_km'],
  additionalProperties: false,
};

// Its URL. It ends with the tests of the file, and must end well: a build with
// sanitizers says so by its exit status.
export async function startMock(...options) {
  const child = spawn(process.env.UVLLM, ['mock', '--port', '0', '--require-key', key, ...options],
                      { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  after(async () => {
    child.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
  });
  for await (const line of createInterface({ input: child.stdout }))
    if (line.startsWith('listening '))
      return line.slice('listening '.length);
  throw new Error('the mock does not listen');
}

export function asks(behaviour) {
  return { 'x-mock': behaviour };
}

export async function errorOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  assert.fail('there was no error');
}

export async function collect(iterable) {
  const items = [];
  for await (const item of iterable)
    items.push(item);
  return items;
}

export function hasWeatherArguments(args) {
  assert.equal(typeof args.city, 'string');
  assert.ok(Number.isInteger(args.days));
}

export function fits(text) {
  const value = JSON.parse(text);
  assert.equal(typeof value.name, 'string');
  assert.ok(Number.isInteger(value.length_km));
}
