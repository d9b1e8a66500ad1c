import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { APPLICABLE } from '../../../src/config/difference.ts';
import { load, valid } from './support.ts';

it('has a line in the README for every setting, with its default', () => {
  const text = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  const told = [...text.matchAll(/^\| `([\w.]+)` +\| `([^`]+)` +\|/gm)].map(([, path, value]) => [path, value]);
  const { brokers: _brokers, ...settings } = valid(load());
  expect(told).toEqual(leaves(settings, []));
});

it('lists every setting in the README that takes a restart', () => {
  const text = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  const [, list = ''] = /All other settings take a restart[^:]*:([^.]*(?:\.\w[^.]*)*)\./.exec(text) ?? [];
  const { brokers: _brokers, ...settings } = valid(load());
  const taking = leaves(settings, [])
    .map(([path]) => path)
    .filter((path) => APPLICABLE.every((top) => path !== top && !path.startsWith(`${top}.`)));
  expect([...list.matchAll(/`([\w.]+)`/g)].map(([, path]) => path)).toEqual(taking);
});

function leaves(value: unknown, path: readonly string[]): (readonly [string, string])[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [[path.join('.'), typeof value === 'string' ? value : JSON.stringify(value)]];
  }
  return Object.entries(value).flatMap(([key, item]) => leaves(item, [...path, key]));
}
