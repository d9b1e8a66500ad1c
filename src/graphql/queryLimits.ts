import { GraphQLError, Kind, NoSchemaIntrospectionCustomRule, parse, specifiedRules, validate } from 'graphql';
import type {
  DocumentNode,
  FragmentDefinitionNode,
  GraphQLSchema,
  SelectionNode,
  SelectionSetNode,
  ValidationContext,
  ValidationRule,
} from 'graphql';
import { GatewayError } from '../shared/errors.ts';

export interface QueryLimits {
  readonly queryDepth: number;
  readonly queryAliases: number;
  readonly queryTokens: number;
}

export type ParseDocument = (text: string) => DocumentNode;
export type ValidateDocument = (schema: GraphQLSchema, document: DocumentNode) => readonly GraphQLError[];

/** Parses within the limits, whatever it is given: throws a GraphQLError for bad syntax, else a GatewayError. */
export function boundedParse({ queryTokens }: QueryLimits): ParseDocument {
  return (text) => {
    try {
      return parse(text, { maxTokens: queryTokens });
    } catch (error) {
      if (error instanceof RangeError) throw tooDeep();
      if (error instanceof GraphQLError && error.message.includes('Parsing aborted')) {
        throw new GatewayError('LIMIT_EXCEEDED', `The document has more than ${queryTokens} tokens.`);
      }
      throw error;
    }
  };
}

/** Validates by the specification's rules and the limits; never throws. */
export function boundedValidate(limits: QueryLimits, introspection: boolean): ValidateDocument {
  const rules: ValidationRule[] = [
    ...specifiedRules,
    (context) => limitsRule(limits, context),
    ...(introspection ? [] : [NoSchemaIntrospectionCustomRule]),
  ];
  return (schema, document) => {
    try {
      return validate(schema, document, rules);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return [refusal(tooDeep())];
    }
  };
}

/** Depth and aliases of each operation, its fragments included. The schema's own description may be asked for in full. */
function limitsRule({ queryDepth, queryAliases }: QueryLimits, context: ValidationContext): ReturnType<ValidationRule> {
  return {
    OperationDefinition(operation) {
      const measure = new Measure((name) => context.getFragment(name) ?? undefined);
      const { depth, aliases } = measure.of(operation.selectionSet);
      const excess = (what: string, most: number): void => {
        const error = new GatewayError('LIMIT_EXCEEDED', `The operation has ${what}; ${most} are allowed.`);
        context.reportError(refusal(error, operation.loc === undefined ? undefined : operation));
      };
      if (depth > queryDepth) excess(`${depth} levels of fields`, queryDepth);
      if (aliases > queryAliases) excess(`${aliases} aliases`, queryAliases);
    },
  };
}

interface Size {
  readonly depth: number;
  readonly aliases: number;
}

/** Fragments are measured once each, so that a few that spread each other many times over cost no more than their text. */
class Measure {
  readonly #fragment: (name: string) => FragmentDefinitionNode | undefined;
  readonly #known = new Map<string, Size>();

  constructor(fragment: (name: string) => FragmentDefinitionNode | undefined) {
    this.#fragment = fragment;
  }

  of(set: SelectionSetNode | undefined): Size {
    let depth = 0;
    let aliases = 0;
    for (const selection of set?.selections ?? []) {
      const size = this.#selection(selection);
      depth = Math.max(depth, size.depth);
      aliases += size.aliases;
    }
    return { depth, aliases };
  }

  #selection(selection: SelectionNode): Size {
    if (selection.kind === Kind.INLINE_FRAGMENT) return this.of(selection.selectionSet);
    if (selection.kind === Kind.FRAGMENT_SPREAD) return this.#spread(selection.name.value);
    const own = selection.alias === undefined ? 0 : 1;
    if (selection.name.value.startsWith('__')) return { depth: 1, aliases: own };
    const { depth, aliases } = this.of(selection.selectionSet);
    return { depth: depth + 1, aliases: aliases + own };
  }

  #spread(name: string): Size {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    // One that spreads itself is told by another rule; here it must only come to an end.
    this.#known.set(name, { depth: 0, aliases: 0 });
    const size = this.of(this.#fragment(name)?.selectionSet);
    this.#known.set(name, size);
    return size;
  }
}

function tooDeep(): GatewayError {
  return new GatewayError('BAD_REQUEST', 'The document is nested too deeply.');
}

function refusal(error: GatewayError, node?: DocumentNode['definitions'][number]): GraphQLError {
  return new GraphQLError(error.message, { ...(node === undefined ? {} : { nodes: node }), originalError: error });
}
