import { expect, it } from 'vitest';
import { joinLists } from '../../../src/graphql/shapes/SharedShapes.ts';

it.each<[string, string[], string | null]>([
  ['one list', ['{"data":{"a":[{"x":1}]}}'], '{"data":{"a":[{"x":1}]}}'],
  ['several', ['{"data":{"a":[1]}}', '{"data":{"a":[[2]]}}'], '{"data":{"a":[1,[2]]}}'],
  ['none', [], null],
  ['one with errors beside its data', ['{"data":{"a":[1]}}', '{"data":{"a":[null]},"errors":[{"path":["a"]}]}'], null],
  ['one without data', ['{"data":{"a":[1]}}', '{"data":null,"errors":[{"path":["a"]}]}'], null],
  ['one that is no list', ['{"data":{"a":{"x":1}}}'], null],
])('%s', (_what, results, joined) => {
  expect(joinLists(results)).toBe(joined);
});
