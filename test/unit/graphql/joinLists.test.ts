import { expect, it } from 'vitest';
import { joinLists } from '../../../src/graphql/shapes/SharedShapes.ts';

it.each<[string, string[], string | null]>([
  ['one list stays as it is', ['{"data":{"a":[{"x":1}]}}'], '{"data":{"a":[{"x":1}]}}'],
  ['several lists become one', ['{"data":{"a":[1]}}', '{"data":{"a":[[2]]}}'], '{"data":{"a":[1,[2]]}}'],
  ['no list gives null', [], null],
  [
    'a list with errors besides its data gives null',
    ['{"data":{"a":[1]}}', '{"data":{"a":[null]},"errors":[{"path":["a"]}]}'],
    null,
  ],
  ['a result without data gives null', ['{"data":{"a":[1]}}', '{"data":null,"errors":[{"path":["a"]}]}'], null],
  ['a result that is not a list gives null', ['{"data":{"a":{"x":1}}}'], null],
])('%s', (_what, results, joined) => {
  expect(joinLists(results)).toBe(joined);
});
