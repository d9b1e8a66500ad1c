import { GraphQLError, Kind, NoSchemaIntrospectionCustomRule, parse, specifiedRules, validate } from 'graphql';
import type { DocumentNode, FragmentDefinitionNode, GraphQLSchema, SelectionNode, SelectionSetNode } from 'graphql';
import type { Limits } from '../../core/client.ts';
import { queryCost } from './queryCost.ts';
import type { CountedOperation } from './queryCost.ts';
import { assertNever } from '../../shared/assertNever.ts';
import { GatewayError } from '../../shared/errors.ts';

/** Of whoever sent the document: they differ from client to client. */
export type QueryLimits = Pick<Limits, 'queryDepth' | 'queryAliases' | 'queryTokens'>;

export type ValidateDocument = (document: DocumentNode, limits: QueryLimits) => readonly GraphQLError[];

/** Parses within the limits, whatever it is given: throws a GraphQLError for bad syntax, else a GatewayError. */
export function boundedParse(text: string, { queryTokens }: QueryLimits): DocumentNode {
  try {
    return parse(text, { maxTokens: queryTokens });
  } catch (error) {
    if (error instanceof RangeError) throw tooDeep();
    if (error instanceof GraphQLError && error.message.includes('Parsing aborted')) throw tooLong(queryTokens);
    throw error;
  }
}

/** What is wrong with a document that was parsed already, maybe for somebody who may send longer ones. */
export function refuseLength({ tokenCount = 0 }: DocumentNode, { queryTokens }: QueryLimits): GatewayError | null {
  return tokenCount > queryTokens ? tooLong(queryTokens) : null;
}

/**
 * Validates by the limits, then by the specification's rules; never throws. What is found out about a document is kept as
 * long as the document.
 */
export function boundedValidate(schema: GraphQLSchema, introspection: boolean): ValidateDocument {
  const rules = [...specifiedRules, ...(introspection ? [] : [NoSchemaIntrospectionCustomRule])];
  const size = oncePerDocument(measureDocument);
  const faults = oncePerDocument((document) => validate(schema, document, rules).map(told));
  return (document, limits) => {
    try {
      const excess = excessOf(size(document), limits);
      return excess.length > 0 ? excess : faults(document);
    } catch (error) {
      // A rule of graphql-js throws for a condition on the field of a subscription that is a variable.
      if (error instanceof GraphQLError) return [error];
      if (!(error instanceof RangeError)) throw error;
      return [refusal(tooDeep())];
    }
  };
}

/** graphql-js compares fields of one name with one another, and gives up where that would take long. */
function told(error: GraphQLError): GraphQLError {
  if (error.message !== 'Validation aborted.') return error;
  return refusal(new GatewayError('LIMIT_EXCEEDED', 'The document names the same fields too often.'));
}

function oncePerDocument<T extends object>(find: (document: DocumentNode) => T): (document: DocumentNode) => T {
  const known = new WeakMap<DocumentNode, T>();
  return (document) => {
    const found = known.get(document) ?? find(document);
    known.set(document, found);
    return found;
  };
}

/** Each is repeated with every item of a list. */
const MAX_NAME_LENGTH = 128;

function excessOf({ depth, aliases, longestName }: DocumentSize, limits: QueryLimits): GraphQLError[] {
  const { queryDepth, queryAliases } = limits;
  return [
    ...(depth > queryDepth ? [tooMuch(`${depth} levels of fields`, queryDepth)] : []),
    ...(aliases > queryAliases ? [tooMuch(`${aliases} aliases`, queryAliases)] : []),
    ...(longestName > MAX_NAME_LENGTH ? [tooMuch(`a name of ${longestName} characters`, MAX_NAME_LENGTH)] : []),
  ];
}

/** How many values the answer may hold, or why the operation may not be executed: they are too many. */
export function countCost(
  operation: CountedOperation,
  { queryCost: most }: Pick<Limits, 'queryCost'>,
): number | GatewayError {
  const { values, largest } = queryCost(operation, most);
  if (values <= most) return values;
  const found = Number.isFinite(values) ? String(values) : `more than ${most}`;
  const share = Number.isFinite(largest.values) ? `${largest.values} of them are` : 'most of them are';
  return new GatewayError(
    'LIMIT_EXCEEDED',
    `The answer may hold ${found} values; ${most} are allowed, and ${share} in ${largest.name}. ` +
      'Ask for fewer fields or aliases, for less at once (limit, first, depth, symbols), or in several operations.',
  );
}

function tooMuch(found: string, most: number): GraphQLError {
  return refusal(new GatewayError('LIMIT_EXCEEDED', `The operation has ${found}; ${most} are allowed.`));
}

function tooLong(most: number): GatewayError {
  return new GatewayError('LIMIT_EXCEEDED', `The document has more than ${most} tokens.`);
}

function tooDeep(): GatewayError {
  return new GatewayError('BAD_REQUEST', 'The document is nested too deeply.');
}

function refusal(error: GatewayError): GraphQLError {
  return new GraphQLError(error.message, { originalError: error });
}

/** How large the operations of a document are: of each figure the greatest that one of them has, fragments included. */
export interface DocumentSize {
  /** Levels of fields. What describes the schema (`__schema`, `__type`) counts as none. */
  readonly depth: number;
  readonly aliases: number;
  /** Characters of the longest name under which the answer would hold something. */
  readonly longestName: number;
}

const NOTHING: DocumentSize = { depth: 0, aliases: 0, longestName: 0 };
const INTROSPECTION: ReadonlySet<string> = new Set(['__schema', '__type']);

/** Looks at each fragment once, however often it is spread. The document need not be valid. */
export function measureDocument(document: DocumentNode): DocumentSize {
  const ruler = new Ruler(document);
  let largest = NOTHING;
  for (const definition of document.definitions) {
    if (definition.kind === Kind.OPERATION_DEFINITION) {
      largest = largestOf(largest, ruler.selections(definition.selectionSet));
    }
  }
  return largest;
}

class Ruler {
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly #sizes = new Map<string, DocumentSize>();

  constructor({ definitions }: DocumentNode) {
    const fragments = definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
    this.#fragments = new Map(fragments.map((fragment) => [fragment.name.value, fragment]));
  }

  selections(set: SelectionSetNode | undefined): DocumentSize {
    let size = NOTHING;
    for (const selection of set?.selections ?? []) {
      const { depth, aliases, longestName } = this.#selection(selection);
      size = {
        depth: Math.max(size.depth, depth),
        aliases: size.aliases + aliases,
        longestName: Math.max(size.longestName, longestName),
      };
    }
    return size;
  }

  #selection(selection: SelectionNode): DocumentSize {
    switch (selection.kind) {
      case Kind.FIELD: {
        const { alias, name, selectionSet } = selection;
        const within = this.selections(selectionSet);
        return {
          depth: INTROSPECTION.has(name.value) ? 0 : within.depth + 1,
          aliases: within.aliases + (alias === undefined ? 0 : 1),
          longestName: Math.max(within.longestName, (alias ?? name).value.length),
        };
      }
      case Kind.INLINE_FRAGMENT:
        return this.selections(selection.selectionSet);
      case Kind.FRAGMENT_SPREAD:
        return this.#fragment(selection.name.value);
      default:
        return assertNever(selection);
    }
  }

  #fragment(name: string): DocumentSize {
    const known = this.#sizes.get(name);
    if (known !== undefined) return known;
    // One that spreads itself is refused by the rules that come after.
    this.#sizes.set(name, NOTHING);
    const size = this.selections(this.#fragments.get(name)?.selectionSet);
    this.#sizes.set(name, size);
    return size;
  }
}

function largestOf(a: DocumentSize, b: DocumentSize): DocumentSize {
  return {
    depth: Math.max(a.depth, b.depth),
    aliases: Math.max(a.aliases, b.aliases),
    longestName: Math.max(a.longestName, b.longestName),
  };
}
