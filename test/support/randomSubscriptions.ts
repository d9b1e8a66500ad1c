import * as fc from 'fast-check';
import { getNamedType, isInterfaceType, isObjectType } from 'graphql';
import type { GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema } from 'graphql';

/** A subscription to `marketData` as a client might send it. Some are not valid by the schema. */
export interface RandomSubscription {
  readonly text: string;
  readonly variableValues: Readonly<Record<string, unknown>>;
  readonly operationName: string;
}

type Parent = GraphQLObjectType | GraphQLInterfaceType;

type Node =
  | {
      readonly kind: 'field';
      readonly name: string;
      readonly alias: string;
      readonly when: string;
      readonly children: readonly Node[];
    }
  | { readonly kind: 'inline'; readonly on: string; readonly when: string; readonly children: readonly Node[] }
  | { readonly kind: 'spread'; readonly parent: Parent; readonly pick: number; readonly when: string };

interface Fragment {
  readonly type: Parent;
  readonly children: readonly Node[];
}

/** Names with a meaning in JavaScript or JSON, each for one field only: an alias for two fields would be a conflict. */
const ODD_ALIASES: Readonly<Record<string, readonly string[]>> = {
  symbol: ['then', '__proto__'],
  cursor: ['toJSON', 'constructor'],
  sequence: ['length', '_0'],
  price: ['valueOf'],
};

/** Most conditions are true, so that answers are not empty. */
const when = fc.oneof(
  { weight: 6, arbitrary: fc.constant('') },
  { weight: 2, arbitrary: fc.constantFrom('@include(if: true)', '@skip(if: false)', '@include(if: $yes)') },
  { weight: 1, arbitrary: fc.constantFrom('@skip(if: $no)', '@include(if: $given) @skip(if: $no)', '@skip(if: true)') },
  { weight: 1, arbitrary: fc.constantFrom('@include(if: false)', '@skip(if: $given)', '@include(if: $no)') },
);

const VARIABLES = {
  symbols: '$symbols: [String!]!',
  yes: '$yes: Boolean! = true',
  no: '$no: Boolean = false',
  given: '$given: Boolean!',
  depth: '$depth: Int! = 7',
};
const values = fc.record(
  {
    symbols: fc.constant(['BTCUSDT']),
    given: fc.boolean(),
    yes: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
    // Null is allowed by the variable's type, but not by the argument's.
    no: fc.oneof({ weight: 9, arbitrary: fc.boolean() }, { weight: 1, arbitrary: fc.constant(null) }),
    depth: fc.nat(100),
    notDeclared: fc.string(),
  },
  { requiredKeys: ['symbols', 'given'] },
);

export function randomSubscriptions(schema: GraphQLSchema): fc.Arbitrary<RandomSubscription> {
  const nodes = new NodeArbitraries(schema);
  const fragment = fc
    .constantFrom(...nodes.types)
    .chain((type) => nodes.in(type, 2).map((children): Fragment => ({ type, children })));
  const root = fc.record({
    alias: fc.constantFrom('', 'm', '__proto__'),
    inFragment: fc.boolean(),
  });
  return fc
    .record({
      fields: fc.array(nodes.in(nodes.interface, 3), { minLength: 1, maxLength: 2 }),
      fragments: fc.array(fragment, { maxLength: 4 }),
      root,
      options: fc.constantFrom('', ', options: { depth: $depth }', ', types: [TRADE, ORDERBOOK], options: null'),
      another: fc.boolean(),
      variableValues: values,
    })
    .map(({ fields, fragments, root: { alias, inFragment }, options, another, variableValues }) => {
      const printer = new Printer(schema, fragments);
      const name = alias === '' ? 'marketData' : `${alias}: marketData`;
      // Naming a field twice gives one field, with the selections of both.
      const asked = fields.map((children) => `${name}(symbols: $symbols${options}) ${printer.set(children)}`);
      const selection = inFragment ? `... on Subscription { ${asked.join(' ')} }` : asked.join(' ');
      const body = `${selection} ${printer.fragments()}`;
      const declared = Object.entries(VARIABLES).filter(([variable]) => new RegExp(`\\$${variable}\\b`).test(body));
      const text = `${another ? 'query Other { brokers { id } }' : ''}
        subscription S(${declared.map(([, definition]) => definition).join(', ')}) { ${selection} }
        ${printer.fragments()}`;
      return { text, variableValues, operationName: 'S' };
    });
}

/** Everything that can be selected of each type, to a depth. */
class NodeArbitraries {
  readonly interface: GraphQLInterfaceType;
  /** The interface, the types that implement it, and the types of their fields. */
  readonly types: readonly Parent[];
  readonly #schema: GraphQLSchema;
  readonly #made = new Map<string, fc.Arbitrary<readonly Node[]>>();

  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
    const type = schema.getType('MarketData');
    if (!isInterfaceType(type)) throw new Error('not the schema of market data');
    this.interface = type;
    const events = schema.getPossibleTypes(type);
    const parts = events.flatMap((event) => Object.values(event.getFields()).map((field) => getNamedType(field.type)));
    this.types = [type, ...events, ...new Set(parts.filter(isObjectType))];
  }

  in(type: Parent, depth: number): fc.Arbitrary<readonly Node[]> {
    const key = `${type.name} ${depth}`;
    let made = this.#made.get(key);
    if (made === undefined) {
      const field = this.#field(type, depth);
      const deeper = depth === 0 ? field : fc.oneof(this.#inline(type, depth), spread(type));
      const node = fc.oneof({ weight: 3, arbitrary: field }, { weight: 2, arbitrary: deeper });
      made = fc.array(node, { minLength: 1, maxLength: 5 });
      this.#made.set(key, made);
    }
    return made;
  }

  #field(type: Parent, depth: number): fc.Arbitrary<Node> {
    const fields = Object.values(type.getFields());
    const objects = fields.filter((field) => isObjectType(getNamedType(field.type)));
    // There are few objects in events, and most errors are possible in them.
    const names = ['__typename', ...[...fields, ...objects, ...objects, ...objects].map(({ name }) => name)];
    return fc.constantFrom(...names).chain((name) => {
      const alias = fc.oneof(
        { weight: 4, arbitrary: fc.constant('') },
        { weight: 2, arbitrary: fc.constantFrom(`a_${name}`, ...(ODD_ALIASES[name] ?? [])) },
      );
      const field = type.getFields()[name];
      const inner = field === undefined ? undefined : getNamedType(field.type);
      const children = isObjectType(inner) ? this.in(inner, Math.max(0, depth - 1)) : fc.constant([]);
      return fc.record({ kind: fc.constant('field' as const), name: fc.constant(name), alias, when, children });
    });
  }

  #inline(type: Parent, depth: number): fc.Arbitrary<Node> {
    const conditions = this.types.filter((other) => overlap(this.#schema, type, other));
    return fc.constantFrom(null, ...conditions).chain((on) =>
      fc.record({
        kind: fc.constant('inline' as const),
        on: fc.constant(on === null ? '' : `on ${on.name}`),
        when,
        children: this.in(on ?? type, depth - 1),
      }),
    );
  }
}

function spread(parent: Parent): fc.Arbitrary<Node> {
  return fc.record({ kind: fc.constant('spread' as const), parent: fc.constant(parent), pick: fc.nat(), when });
}

function overlap(schema: GraphQLSchema, a: Parent, b: Parent): boolean {
  if (a === b) return true;
  if (isInterfaceType(a)) return schema.isSubType(a, b);
  return isInterfaceType(b) && schema.isSubType(b, a);
}

/** Prints nodes as text. A fragment spreads only later ones, so that there are no cycles. */
class Printer {
  readonly #schema: GraphQLSchema;
  readonly #fragments: readonly Fragment[];
  readonly #used = new Map<number, string>();

  constructor(schema: GraphQLSchema, fragments: readonly Fragment[]) {
    this.#schema = schema;
    this.#fragments = fragments;
  }

  set(nodes: readonly Node[], from = 0): string {
    return `{ ${nodes.map((node) => this.#node(node, from)).join(' ')} }`;
  }

  /** Prints the fragments that are spread somewhere. */
  fragments(): string {
    return [...this.#used.values()].join(' ');
  }

  #node(node: Node, from: number): string {
    if (node.kind === 'spread') return this.#spread(node, from);
    const { when: condition, children } = node;
    const set = children.length === 0 ? '' : this.set(children, from);
    if (node.kind === 'inline') return `... ${node.on} ${condition} ${set}`;
    return `${node.alias === '' ? '' : `${node.alias}: `}${node.name} ${condition} ${set}`;
  }

  #spread({ parent, pick, when: condition }: Node & { readonly kind: 'spread' }, from: number): string {
    const fitting = this.#fragments.flatMap(({ type }, index) =>
      index >= from && overlap(this.#schema, parent, type) ? [index] : [],
    );
    const index = fitting[pick % fitting.length];
    const fragment = index === undefined ? undefined : this.#fragments[index];
    if (index === undefined || fragment === undefined) return '__typename';
    if (!this.#used.has(index)) {
      const set = this.set(fragment.children, index + 1);
      this.#used.set(index, `fragment F${index} on ${fragment.type.name} ${set}`);
    }
    return `...F${index} ${condition}`;
  }
}
