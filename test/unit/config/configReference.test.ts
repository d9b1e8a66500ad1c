import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isApplicable } from '../../../src/config/difference.ts';
import { configReference } from '../../../tools/configReference.ts';
import { load, valid } from './support.ts';

const { file, text } = await configReference();
const rows = text
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
  .map((cells) => cells.slice(1, -1));

describe('the configuration reference', () => {
  it('is the page of the schema as it is', () => {
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('has a line for every setting and default broker, with its default, and whether a change takes a restart', () => {
    const told = rows
      .filter((cells) => cells.length === 5)
      .map(([name, , standard, change]) => [name?.split('`')[1], standard, change]);
    const expected = leaves(valid(load()), []).map(([path, standard]) => [
      path,
      standard,
      isApplicable(path) ? 'at once' : 'restart',
    ]);
    expect(told.filter(([name]) => name?.startsWith('auth.jwt.') !== true)).toEqual(expected);
  });

  it('says of everything what it may be and what it means', () => {
    expect(rows.length).toBeGreaterThan(70);
    for (const row of rows) for (const cell of row) expect(cell, row.join(' | ')).not.toBe('');
  });

  it('names the variable of each setting, and those that platforms set', () => {
    const { server } = valid(load({ env: { TICKGRAPH_SERVER__KEEP_ALIVE_TIMEOUT_MS: '70000', PORT: '4001' } }));
    expect(server).toMatchObject({ keepAliveTimeoutMs: 70_000, port: 4001 });
    expect(text).toContain('`server.keepAliveTimeoutMs`<br>`TICKGRAPH_SERVER__KEEP_ALIVE_TIMEOUT_MS` ');
    expect(text).toContain('`server.port`<br>`TICKGRAPH_SERVER__PORT`<br>`PORT` ');
  });
});

function leaves(value: unknown, path: readonly string[]): (readonly [string, string])[] {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isMap || path.at(-1) === 'symbols') {
    const shown = typeof value === 'string' ? value : JSON.stringify(value, null, 1).replaceAll(/\s+/g, ' ');
    return path.at(-1) === 'kind' ? [] : [[path.join('.'), `\`${shown}\``]];
  }
  return Object.entries(value).flatMap(([key, item]) => leaves(item, [...path, key]));
}
