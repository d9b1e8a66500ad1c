import { parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { loadSchema } from '../../../src/graphql/schema.ts';
import { countCost } from '../../../src/graphql/documents/queryLimits.ts';
import { codeBlocks, blocksOf, PAGES, textOf } from '../../support/docPages.ts';
import { typeErrors } from '../../support/typeErrors.ts';
import { faultsIn, load, valid } from '../config/support.ts';

const schema = loadSchema();
const { limits } = valid(load());
const { scripts } = JSON.parse(textOf('package.json')) as { readonly scripts: Readonly<Record<string, string>> };
/** Languages of which each block is checked here, or run by test/integration/docs.test.ts (`sh`), or by nginx.test.ts. */
const CHECKED = ['graphql', 'json', 'yaml', 'ts', 'js', 'sh', 'nginx'];
const checked = (...languages: readonly string[]) =>
  codeBlocks(...languages).filter(({ unchecked }) => unchecked === null);

describe('the code in README.md, CONTRIBUTING.md and docs/', () => {
  it('is in a language that is checked, or says why it is not', () => {
    for (const { place, language, unchecked, text } of PAGES.flatMap(blocksOf)) {
      if (unchecked !== null) expect(unchecked.length, place).toBeGreaterThan(10);
      // Without a language it is a figure, or lines that are no program.
      else if (language !== '') expect([...CHECKED], `${place}: ${text}`).toContain(language);
    }
  });

  it('has every kind, so that nothing is left out unseen', () => {
    for (const language of CHECKED) expect(checked(language).length, language).toBeGreaterThan(0);
    expect(PAGES.length).toBeGreaterThan(10);
  });

  it.each(checked('graphql'))('is GraphQL that the schema and the limits allow: $place', ({ text }) => {
    const document = parse(text);
    expect(validate(schema, document)).toEqual([]);
    const variableValues = { symbols: ['BTCUSDT'], token: 't' };
    expect(countCost({ schema, document, variableValues }, { queryCost: limits.queryCost })).toBeTypeOf('number');
  });

  it.each(checked('json'))('is JSON: $place', ({ text }) => {
    expect(() => JSON.parse(text) as unknown).not.toThrow();
  });

  it.each(checked('yaml'))('is a configuration that is valid: $place', ({ text }) => {
    const env = text.includes('access: token') ? { TICKGRAPH_METRICS__TOKEN: 'secret' } : {};
    expect(faultsIn(load({ yaml: text, env }))).toEqual([]);
  });

  it('is TypeScript without an error', { timeout: 60_000 }, () => {
    expect(typeErrors(checked('ts'))).toEqual([]);
  });

  it('is JavaScript without an error', { timeout: 60_000 }, () => {
    expect(typeErrors(checked('js'))).toEqual([]);
  });

  it('that is wrong would be found', { timeout: 60_000 }, () => {
    const block = { place: 'here', page: '', unchecked: null, runs: false };
    const text = "import { resumable } from 'tickgraph/client';\nresumable({ retryWait: 5 });";
    expect(typeErrors([{ ...block, language: 'ts', text }])).toEqual([expect.stringContaining('here, line 2')]);
  });

  it.each(checked('sh'))('names npm scripts that there are: $place', ({ text }) => {
    for (const [, name = ''] of text.matchAll(/\bnpm (?:run )?([\w:]+)/g)) {
      if (!['ci', 'install', 'run', 'pack'].includes(name)) expect(Object.keys(scripts)).toContain(name);
    }
  });
});
