import { GraphQLError, NoSchemaIntrospectionCustomRule, parse, specifiedRules, validate } from 'graphql';
import type { DocumentNode, GraphQLSchema } from 'graphql';
import type { Limits } from '../core/client.ts';
import { GatewayError } from '../shared/errors.ts';
import { measureDocument } from './measureDocument.ts';
import type { DocumentSize } from './measureDocument.ts';
import { queryCost } from './queryCost.ts';
import type { CountedOperation } from './queryCost.ts';

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
