import fc from 'fast-check';
import { Kind, parse, print, visit } from 'graphql';
import type { DocumentNode } from 'graphql';
import { describe, expect, it } from 'vitest';
import { addResume } from '../../../client/addResume.ts';
import { mutatedText } from '../../support/mutations.ts';

const name = fc.constantFrom('marketData', 'marketDataBatch', 'resume', 'cursor', 'type', 'symbol', 'query', 'on', 'x');
const text = fc
  .oneof(fc.string({ maxLength: 6 }), fc.constantFrom('}', '{', ')', '(', '# ', '"', 'resume: ', '\\'))
  .map((value) => JSON.stringify(value));
const block = fc.constantFrom('"""\n } " ) {\n"""', '"""\\""" }"""', '""""""');
const gap = fc.constantFrom(' ', ' ', '\n', ', ', ' # } ) marketData( "\n ');
const directive = fc.constantFrom('', '', ' @include(if: true)', ' @skip(if: $no)');

/** Documents that the grammar allows, in any layout; the schema may not allow them. */
const document = fc.letrec<{ selections: string; selection: string; value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 2 },
    fc.oneof(text, block, fc.constantFrom('1', 'true', 'null', 'TICK', '$no', '[]')),
    fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join(' ')}]`),
    fc.tuple(name, tie('value')).map(([key, value]) => `{ ${key}: ${value} }`),
  ),
  selection: fc.oneof(
    { maxDepth: 2 },
    fc
      .tuple(fc.option(name), name, directive)
      .map(([alias, field, by]) => `${alias === null ? '' : `${alias}: `}${field}${by}`),
    fc
      .constantFrom('...F', '... on', '...cursor')
      .map((spread) => (spread === '... on' ? '... on Tick { bid }' : spread)),
    fc
      .tuple(name, name, tie('value'), directive, tie('selections'))
      .map(([field, key, value, by, inner]) => `${field}(${key}: ${value})${by} ${inner}`),
  ),
  selections: fc
    .tuple(fc.array(tie('selection'), { minLength: 1, maxLength: 4 }), gap)
    .map(([parts, between]) => `{${between}${parts.join(between)}${between}}`),
}));
const wish = fc
  .tuple(
    fc.constantFrom('subscription', 'subscription S', 'subscription marketData', 'subscription ($no: Boolean!)'),
    fc.constantFrom('marketData', 'marketDataBatch', 'prices: marketData'),
    fc.array(fc.tuple(fc.constantFrom('symbols', 'types', 'options'), document.value), { minLength: 1, maxLength: 2 }),
    fc.option(fc.constantFrom('$last', '"c1"', '["c1", "c)2"]', 'null', '[]')),
    gap,
    document.selections,
    fc.constantFrom('', ' fragment F on Tick { bid }', '\nfragment cursor on Trade { price }'),
  )
  .map(([operation, field, given, resume, between, selections, fragment]) => {
    const written = given.map(([key, value]) => `${key}: ${value}`);
    if (resume !== null) written.splice(1, 0, `resume: ${resume}`);
    return `${operation}${between}{${between}${field}(${written.join(between)})${between}${selections}${between}}${fragment}`;
  });

/** All fields of a document with their place, and how often each is there. */
function fieldsOf(parsed: DocumentNode): Map<string, number> {
  const fields = new Map<string, number>();
  const path: string[] = [];
  visit(parsed, {
    Field: {
      enter: (node) => {
        const own = `${node.alias?.value ?? ''}:${node.name.value}${(node.directives ?? []).map(print).join('')}`;
        const place = [...path, own].join('/');
        fields.set(place, (fields.get(place) ?? 0) + 1);
        path.push(own);
      },
      leave: () => void path.pop(),
    },
  });
  return fields;
}

function parsedOrNull(query: string): DocumentNode | null {
  try {
    return parse(query);
  } catch {
    return null;
  }
}

/** The changed document asks for what the other does, and for what was announced. */
function expectSameAndMore(query: string): boolean {
  const before = parsedOrNull(query);
  const changed = addResume(query);
  if (changed === null || before === null) return false;
  const after = parse(changed.query);
  const [had, has] = [fieldsOf(before), fieldsOf(after)];
  for (const [place, count] of had) expect(has.get(place) ?? 0, place).toBeGreaterThanOrEqual(count);
  const more = [...has].flatMap(([place, count]) => Array<string>(count - (had.get(place) ?? 0)).fill(place));
  expect(more.map((place) => place.split('/').at(-1)?.split(':')[0] ?? '').toSorted()).toEqual(
    changed.added.toSorted(),
  );
  expect(more.every((place) => /marketData(Batch)?\/[^/]*$/.test(place) && place.split('/').length === 2)).toBe(true);
  const variables = after.definitions.flatMap((node) =>
    node.kind === Kind.OPERATION_DEFINITION ? (node.variableDefinitions ?? []) : [],
  );
  if (!changed.asksItself) expect(variables.map((each) => each.variable.name.value)).toContain(changed.variable);
  return true;
}

describe('a document of any layout', () => {
  it('that is changed still parses, and asks for the same fields and those that are announced', () => {
    let changed = 0;
    fc.assert(
      fc.property(wish, (query) => {
        if (expectSameAndMore(query)) changed += 1;
      }),
      { numRuns: 1_000 },
    );
    expect(changed).toBeGreaterThan(500);
  });

  it('that was changed at random is left alone, or treated like any other', () => {
    fc.assert(
      fc.property(wish.chain(mutatedText), (query) => {
        expectSameAndMore(query);
      }),
      { numRuns: 1_000 },
    );
  });

  it('and any other text ends nothing', () => {
    const brackets = fc.string({
      unit: fc.constantFrom(...'{}()[]":$@!.#\n\\ '.split(''), 'marketData', 'subscription'),
    });
    fc.assert(
      fc.property(fc.oneof(brackets, fc.string({ unit: 'binary' })), (query) => {
        expectSameAndMore(query);
      }),
      { numRuns: 1_000 },
    );
  });
});
