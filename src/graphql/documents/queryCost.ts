import {
  getArgumentValues,
  getDirectiveValues,
  getNamedType,
  getNullableType,
  getOperationAST,
  getVariableValues,
  isAbstractType,
  isLeafType,
  isListType,
  isObjectType,
  Kind,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
} from 'graphql';
import type {
  DocumentNode,
  GraphQLField,
  GraphQLObjectType,
  GraphQLOutputType,
  GraphQLSchema,
  SelectionSetNode,
} from 'graphql';
import { collectFields } from '../shapes/collectFields.ts';
import type { FieldNodes, SelectionScope } from '../shapes/collectFields.ts';

export interface QueryCost {
  /** Values that one answer may hold. Infinity where counting ended because they are more than asked for. */
  readonly values: number;
  /** The field of the operation that most of them are of, by its name in the answer. */
  readonly largest: { readonly name: string; readonly values: number };
}

export interface CountedOperation {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operationName?: string | null | undefined;
  readonly variableValues?: Readonly<Record<string, unknown>> | null | undefined;
}

/** A value under a long name counts as several: one for each so many characters. */
const NAME_CHARACTERS = 32;
/** Of a list of which nothing says how long it is. */
const UNKNOWN_SIZE = 100;
const FREE: QueryCost = { values: 0, largest: { name: '', values: 0 } };

/** The arguments of `@listSize`, as schema/cost.graphql explains them. */
interface ListSize {
  readonly assumedSize?: number | null;
  readonly slicingArguments?: readonly string[] | null;
  readonly maxSize?: number | null;
  readonly sizedFields?: readonly string[] | null;
}

/**
 * Counts the values (leaves) that the answer to a valid operation, or one event of a subscription, may hold, as its
 * arguments and variables allow, before anything is done for it. The schema says by `@listSize` how long lists are; what
 * describes the schema itself is counted as it is. Counting ends where it comes to more than `enough`.
 */
export function queryCost(operation: CountedOperation, enough = Infinity): QueryCost {
  const { schema, document, operationName, variableValues } = operation;
  const node = getOperationAST(document, operationName);
  const root = node && schema.getRootType(node.operation);
  if (!node || !root) return FREE;
  const { coerced } = getVariableValues(schema, node.variableDefinitions ?? [], variableValues ?? {});
  // Execution will say what is wrong with them, and do nothing else.
  if (coerced === undefined) return FREE;
  const fragments = document.definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
  const scope: SelectionScope = {
    schema,
    fragments: new Map(fragments.map((fragment) => [fragment.name.value, fragment])),
    variableValues: coerced,
  };
  return new CostCounter(scope, enough).operation(root, node.selectionSet);
}

/** Thrown to end the counting. */
class EnoughError extends Error {}

class CostCounter {
  readonly #scope: SelectionScope;
  readonly #enough: number;
  /** What an object of the schema's description costs, by what is asked of it. */
  readonly #described = new Map<SelectionSetNode, Map<unknown, number>>();
  #counted = 0;

  constructor(scope: SelectionScope, enough: number) {
    this.#scope = scope;
    this.#enough = enough;
  }

  operation(root: GraphQLObjectType, set: SelectionSetNode): QueryCost {
    let values = 0;
    let largest = FREE.largest;
    for (const [name, nodes] of collectFields(this.#scope, root, [set])) {
      const cost = this.#orInfinity(() => this.#field(root, { name, nodes, sizes: NO_SIZES }));
      values += cost;
      if (cost > largest.values) largest = { name, values: cost };
    }
    return { values, largest };
  }

  #orInfinity(count: () => number): number {
    try {
      return count();
    } catch (error) {
      if (error instanceof EnoughError) return Infinity;
      throw error;
    }
  }

  #field(parent: GraphQLObjectType, { name, nodes, sizes }: AskedField): number {
    const [node] = nodes;
    const fieldName = node.name.value;
    const units = Math.ceil(name.length / NAME_CHARACTERS);
    if (fieldName === TypeNameMetaFieldDef.name) return units;
    const field = this.#definition(parent, fieldName);
    if (field === undefined) return 0;
    if (field === SchemaMetaFieldDef || field === TypeMetaFieldDef)
      return this.#introspection(field, nodes) + units - 1;
    const own = this.#sizesOf(field, nodes);
    const one = isLeafType(getNamedType(field.type)) ? units : this.#value(field.type, nodes, own.inner) + units - 1;
    return isListType(getNullableType(field.type)) ? one * (own.list ?? sizes.get(fieldName) ?? UNKNOWN_SIZE) : one;
  }

  #definition(parent: GraphQLObjectType, name: string): GraphQLField<unknown, unknown> | undefined {
    if (parent === this.#scope.schema.getQueryType()) {
      if (name === SchemaMetaFieldDef.name) return SchemaMetaFieldDef;
      if (name === TypeMetaFieldDef.name) return TypeMetaFieldDef;
    }
    return parent.getFields()[name];
  }

  /** One value, or one item of a list; of a type of which there are several kinds, the dearest. */
  #value(type: GraphQLOutputType, nodes: FieldNodes, sizes: Sizes): number {
    const named = getNamedType(type);
    const { schema } = this.#scope;
    const kinds = isAbstractType(named) ? schema.getPossibleTypes(named) : isObjectType(named) ? [named] : [];
    const sets = setsOf(nodes);
    return Math.max(
      0,
      ...kinds.map((kind) =>
        collectFields(this.#scope, kind, sets)
          .entries()
          .reduce((sum, [name, asked]) => sum + this.#field(kind, { name, nodes: asked, sizes }), 0),
      ),
    );
  }

  #sizesOf(field: GraphQLField<unknown, unknown>, [node]: FieldNodes): { list: number | null; inner: Sizes } {
    const directives = field.astNode?.directives?.filter(({ name }) => name.value === LIST_SIZE) ?? [];
    const definition = this.#scope.schema.getDirective(LIST_SIZE);
    let list: number | null = null;
    const inner = new Map<string, number>();
    if (!definition || directives.length === 0) return { list, inner };
    const values = getArgumentValues(field, node, this.#scope.variableValues);
    for (const directive of directives) {
      const declared: ListSize = getDirectiveValues(definition, { directives: [directive] }) ?? {};
      const size = sizeOf(declared, values);
      if (!declared.sizedFields) list = size;
      for (const name of declared.sizedFields ?? []) inner.set(name, size);
    }
    return { list, inner };
  }

  /** What the schema says of itself follows from the schema alone, so that it can be counted exactly. */
  #introspection(field: GraphQLField<unknown, unknown>, nodes: FieldNodes): number {
    return this.#describedValue(field.type, this.#resolved(field, nodes, undefined), nodes);
  }

  #resolved(field: GraphQLField<unknown, unknown>, [node]: FieldNodes, source: unknown): unknown {
    const values = getArgumentValues(field, node, this.#scope.variableValues);
    const { schema } = this.#scope;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all that graphql-js's own resolvers look at
    return field.resolve?.(source, values, undefined, { schema } as Parameters<typeof field.resolve>[3]);
  }

  #describedValue(type: GraphQLOutputType, value: unknown, nodes: FieldNodes): number {
    if (value === null || value === undefined) return 0;
    const nullable = getNullableType(type);
    if (isListType(nullable) && Array.isArray(value)) {
      return value.reduce<number>((sum, item) => sum + this.#describedValue(nullable.ofType, item, nodes), 0);
    }
    const named = getNamedType(type);
    if (!isObjectType(named)) return this.#count(1);
    const [set, ...others] = setsOf(nodes);
    if (set === undefined) return 0;
    const known = this.#described.get(set) ?? new Map<unknown, number>();
    this.#described.set(set, known);
    const before = others.length === 0 ? known.get(value) : undefined;
    if (before !== undefined) return this.#count(before);
    const cost = this.#describedObject(named, value, [set, ...others]);
    if (others.length === 0) known.set(value, cost);
    return cost;
  }

  #describedObject(type: GraphQLObjectType, source: unknown, sets: readonly SelectionSetNode[]): number {
    let sum = 0;
    for (const [name, nodes] of collectFields(this.#scope, type, sets)) {
      const field = type.getFields()[nodes[0].name.value];
      sum += this.#count(Math.ceil(name.length / NAME_CHARACTERS));
      // The name itself counts as a value where a leaf follows it.
      if (field === undefined || isLeafType(getNamedType(field.type))) continue;
      sum += this.#describedValue(field.type, this.#resolved(field, nodes, source), nodes);
    }
    return sum;
  }

  #count(values: number): number {
    this.#counted += values;
    if (this.#counted > this.#enough) throw new EnoughError();
    return values;
  }
}

/** How long the lists in a value are, by the names of their fields. */
type Sizes = ReadonlyMap<string, number>;

interface AskedField {
  readonly name: string;
  readonly nodes: FieldNodes;
  readonly sizes: Sizes;
}

const LIST_SIZE = 'listSize';
const NO_SIZES: Sizes = new Map();

function setsOf(nodes: FieldNodes): readonly SelectionSetNode[] {
  return nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
}

function sizeOf({ assumedSize, slicingArguments, maxSize }: ListSize, values: Record<string, unknown>): number {
  const asked = (slicingArguments ?? []).map((path) => lengthOf(valueAt(values, path))).filter((size) => size !== null);
  const size = asked.length === 0 ? (assumedSize ?? UNKNOWN_SIZE) : Math.max(...asked);
  return Math.min(Math.max(size, 0), maxSize ?? Infinity);
}

function valueAt(values: Record<string, unknown>, path: string): unknown {
  let value: unknown = values;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = new Map(Object.entries(value)).get(name);
  }
  return value;
}

function lengthOf(value: unknown): number | null {
  if (Array.isArray(value)) return value.length;
  return typeof value === 'number' ? value : null;
}
