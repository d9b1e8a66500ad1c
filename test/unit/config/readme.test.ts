import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { load, valid } from './support.ts';

it('has a line in the README for every setting, with its default', () => {
  const text = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  const told = [...text.matchAll(/^\| `([\w.]+)` +\| `([^`]+)` +\|/gm)].map(([, path, value]) => [path, value]);
  const { brokers: _brokers, ...settings } = valid(load());
  expect(told).toEqual(leaves(settings, []));
});

function leaves(value: unknown, path: readonly string[]): (readonly [string, string])[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [[path.join('.'), typeof value === 'string' ? value : JSON.stringify(value)]];
  }
  return Object.entries(value).flatMap(([key, item]) => leaves(item, [...path, key]));
}
