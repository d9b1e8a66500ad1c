import { Kind, parse, print, visit } from 'graphql';
import type { DocumentNode, FieldNode, OperationDefinitionNode, SelectionNode } from 'graphql';
import { describe, expect, it } from 'vitest';
import { addResume } from '../../../client/addResume.ts';

/** Documents that resumption must not break, whatever they look like. */
const DOCUMENTS: [string, string][] = [
  ['is short', 'subscription{marketData(symbols:["A"]){symbol}}'],
  ['has a name', 'subscription Prices { marketData(symbols: ["A"]) { symbol } }'],
  ['has the name of the field', 'subscription marketData { marketData(symbols: ["A"]) { symbol } }'],
  [
    'has variables',
    'subscription Prices($of: [String!]!, $o: MarketDataOptions = { depth: 5 }) {\n  marketData(symbols: $of, options: $o) { symbol }\n}',
  ],
  ['has variables and no name', 'subscription ($of: [String!]!) { marketData(symbols: $of) { symbol } }'],
  [
    'has aliases',
    'subscription { prices: marketData(symbols: ["A"]) { cursor: symbol broker: time, symbol, t: type } }',
  ],
  [
    'has nested arguments',
    'subscription { marketData(symbols: ["A", "B"] options: { depth: 5, book: DELTA }, types: [TICK TRADE]) { symbol } }',
  ],
  ['selects everything that is needed', 'subscription { marketData(symbols: ["A"]) { cursor broker symbol type } }'],
  [
    'selects __typename instead of the type',
    'subscription { marketData(symbols: ["A"]) { __typename cursor broker symbol } }',
  ],
  [
    'selects needed fields conditionally',
    'subscription ($yes: Boolean!) { marketData(symbols: ["A"]) { cursor @include(if: $yes) symbol @skip(if: $yes) broker type } }',
  ],
  [
    'selects needed fields in fragments only',
    'subscription { marketData(symbols: ["A"]) { ...Event ... on Trade { broker type price } } } fragment Event on MarketData { cursor symbol }',
  ],
  [
    'has a fragment called like a needed field',
    'fragment cursor on MarketData { time } subscription { marketData(symbols: ["A"]) { ...cursor ... on Tick { bid } } }',
  ],
  [
    'has the field in a fragment',
    'subscription S { ...Root } fragment Root on Subscription { marketData(symbols: ["A"]) { symbol } }',
  ],
  [
    'has comments',
    '# { subscription }\nsubscription { # marketData(symbols: ["B"]) {\n marketData( # )\n symbols: ["A"] # resume: "c"\n) { # }\n symbol # }\n # cursor\n} }',
  ],
  [
    'has strings with brackets',
    'subscription { marketData(symbols: ["A)}{", "\\"}) resume: $x {", """ } \\""" ) { "quoted" """]) { symbol } }',
  ],
  ['has a block string with a quotation mark', 'subscription { marketData(symbols: ["""\n } " ) {\n"""]) { symbol } }'],
  [
    'has names that this package uses',
    'subscription ($tickgraph_resume: [String!]!) { marketData(symbols: $tickgraph_resume) { tickgraph_cursor: symbol tickgraph_cursor_: time } }',
  ],
  [
    'binds the argument to a variable',
    'subscription ($of: [String!]!, $last: [String!]) { marketData(resume: $last, symbols: $of) { symbol } }',
  ],
  [
    'has a list of cursors',
    'subscription ($of: [String!]!) { marketData(symbols: $of, resume: ["c1", "c)2"]) { symbol } }',
  ],
  ['has one cursor', 'subscription { marketData(symbols: ["A"], resume: "c1") { symbol } }'],
  ['has no space behind a cursor', 'subscription { marketData(resume:"c1"symbols:"A") { symbol } }'],
  ['has null for cursors', 'subscription { marketData(symbols: ["A"], resume: null) { symbol } }'],
  [
    'uses the word resume elsewhere',
    'subscription resume($resume: [String!]!) { resume: marketData(symbols: $resume, types: [TRADE]) { resume: symbol } }',
  ],
  ['asks for lists', 'subscription { marketDataBatch(symbols: ["A"], everyMs: 50) { symbol } }'],
  [
    'has directives on the field',
    'subscription ($yes: Boolean!) { marketData(symbols: ["A"]) @include(if: $yes) @skip(if: false) { symbol } }',
  ],
  [
    'has the field in a fragment, beside a directive',
    'subscription ($yes: Boolean!) { ... on Subscription @include(if: $yes) { brokerStatus { id } } ...Root } fragment Root on Subscription { marketData(symbols: ["A"]) { symbol } }',
  ],
  ['begins with a byte order mark', '\uFEFFsubscription { marketData(symbols: ["A"]) { symbol } }'],
];

describe('addResume', () => {
  it.each(DOCUMENTS)('changes a document that %s as a parser would', (_what, query) => {
    const expected = withParser(query);
    const { query: changed = '', ...rest } = addResume(query) ?? {};
    expect(rest).toEqual(expected.rest);
    expect(inOrder(parse(changed))).toBe(inOrder(expected.document));
  });

  it.each([
    ['has no operation', 'fragment F on Subscription { marketData(symbols: ["A"]) { symbol } }'],
    ['is a query', 'query { marketData(symbols: ["A"]) { symbol } }'],
    ['is a query without the word', '{ marketData(symbols: ["A"]) { symbol } }'],
    ['is a mutation', 'mutation { marketData(symbols: ["A"]) { symbol } }'],
    [
      'has several operations',
      'subscription A { marketData(symbols: ["A"]) { symbol } } subscription B { brokerStatus { id } }',
    ],
    ['subscribes to something else', 'subscription { marketData: brokerStatus(broker: "marketData(") { id } }'],
    ['has the field in a comment', 'subscription { brokerStatus { id } # marketData(symbols: ["A"]) { symbol }\n }'],
    ['has the field deeper', 'subscription { brokerStatus { marketData(symbols: ["A"]) { symbol } } }'],
    [
      'selects nothing of the field',
      'subscription { marketData(symbols: ["A"]) @include(if: true) ... on Subscription { brokerStatus { id } } }',
    ],
    ['is cut off', 'subscription { marketData(symbols: ["A"]) { symbol'],
    ['is cut off in a string', 'subscription { marketData(symbols: ["A) { symbol } }'],
    ['is empty', ''],
  ])('leaves a document alone that %s', (_what, query) => {
    expect(addResume(query)).toBeNull();
  });
});

/** What addResume does, with graphql-js's own parser. */
function withParser(query: string) {
  const source = parse(query);
  let own: FieldNode | undefined;
  visit(source, { Field: (node) => void (own = /^marketData(Batch)?$/.test(node.name.value) ? node : own) });
  const selected = new Set(own?.selectionSet?.selections.flatMap((node) => (isWhole(node) ? [node.name.value] : [])));
  const type = selected.has('__typename') ? '__typename' : 'type';
  const fields = ['cursor', 'broker', 'symbol', type];
  const names = fields.map((name) => (selected.has(name) ? name : unused(query, name)));
  const given = own?.arguments?.find(({ name }) => name.value === 'resume')?.value;
  const variable = given?.kind === Kind.VARIABLE ? given.name.value : unused(query, 'resume');
  const initial = given && given.kind !== Kind.VARIABLE ? ` = ${print(given)}` : '';

  const aliased = names.map((name, i) => `${name}: ${fields[i]}`).join(' ');
  const part = parseOperation(
    `subscription ($${variable}: [String!]${initial}) { a(resume: $${variable}) { ${aliased} } }`,
  );
  const [added] = part.selectionSet.selections as readonly FieldNode[];
  const additions = added?.selectionSet?.selections.filter((_node, i) => names[i] !== fields[i]) ?? [];
  const document: DocumentNode = visit(source, {
    OperationDefinition: (node) => ({
      ...node,
      variableDefinitions: [
        ...(node.variableDefinitions ?? []),
        ...(given?.kind === Kind.VARIABLE ? [] : (part.variableDefinitions ?? [])),
      ],
    }),
    Field: (node) =>
      node === own
        ? {
            ...node,
            arguments: [
              ...(node.arguments ?? []).filter(({ name }) => name.value !== 'resume'),
              ...(added?.arguments ?? []),
            ],
            selectionSet: {
              ...node.selectionSet,
              selections: [...(node.selectionSet?.selections ?? []), ...additions],
            },
          }
        : undefined,
  });
  const rest = { variable, names, added: names.filter((name) => !selected.has(name)), asksItself: given !== undefined };
  return { document, rest };
}

function parseOperation(text: string): OperationDefinitionNode {
  return parse(text).definitions[0] as OperationDefinitionNode;
}

function isWhole(node: SelectionNode): node is FieldNode {
  return node.kind === Kind.FIELD && !node.alias && !node.arguments?.length && !node.directives?.length;
}

function unused(query: string, name: string): string {
  return query.includes(`tickgraph_${name}`) ? unused(query, `${name}_`) : `tickgraph_${name}`;
}

/** The text with arguments and variables in the order of their names, because their own order means nothing. */
function inOrder(document: DocumentNode): string {
  const byText = (a: Parameters<typeof print>[0], b: Parameters<typeof print>[0]): number =>
    print(a) < print(b) ? -1 : 1;
  return print(
    visit(document, {
      OperationDefinition: (node) => ({ ...node, variableDefinitions: node.variableDefinitions?.toSorted(byText) }),
      Field: (node) => ({ ...node, arguments: node.arguments?.toSorted(byText) }),
    }),
  );
}
