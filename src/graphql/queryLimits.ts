import { maxAliasesRule } from '@escape.tech/graphql-armor-max-aliases';
import { maxDepthRule } from '@escape.tech/graphql-armor-max-depth';
import { GraphQLError, NoSchemaIntrospectionCustomRule, parse, specifiedRules, validate } from 'graphql';
import type { DocumentNode, GraphQLSchema } from 'graphql';
import type { Limits } from '../core/Limits.ts';
import { GatewayError } from '../shared/errors.ts';

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
  const size = oncePerDocument((document) => measure(schema, document));
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

interface Size {
  readonly depth: number;
  readonly aliases: number;
}

/** Of the largest operation, fragments included. The schema's own description (`__schema`) has no depth. */
function measure(schema: GraphQLSchema, document: DocumentNode): Size {
  let depth = 0;
  let aliases = 0;
  const ofDepth = (_context: unknown, { n }: { readonly n: number }): void => {
    depth = Math.max(depth, n);
  };
  const ofAliases = (_context: unknown, { n }: { readonly n: number }): void => {
    aliases = Math.max(aliases, n);
  };
  // These rules accept whatever it is, and say how much it was.
  validate(schema, document, [
    maxDepthRule({ n: Infinity, flattenFragments: true, onAccept: [ofDepth] }),
    maxAliasesRule({ n: Infinity, allowList: [], onAccept: [ofAliases] }),
  ]);
  return { depth, aliases };
}

function excessOf({ depth, aliases }: Size, { queryDepth, queryAliases }: QueryLimits): GraphQLError[] {
  return [
    ...(depth > queryDepth ? [tooMuch(`${depth} levels of fields`, queryDepth)] : []),
    ...(aliases > queryAliases ? [tooMuch(`${aliases} aliases`, queryAliases)] : []),
  ];
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
