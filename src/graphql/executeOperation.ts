import {
  createSourceEventStream,
  executeSubscriptionEvent,
  getOperationAST,
  OperationTypeNode,
  validateSubscriptionArgs,
} from 'graphql';
import type { ExecutionArgs, ExecutionResult } from 'graphql';
import { isAsyncIterable, mapAsyncIterator } from 'graphql-yoga';
import type { YogaServerInstance } from 'graphql-yoga';
import { GatewayError } from '../shared/errors.ts';
import type { ClientErrors } from './ClientErrors.ts';
import type { GraphqlContext } from './context.ts';
import { MarketDataSource } from './MarketDataSource.ts';
import { countCost } from './documents/queryLimits.ts';
import { isPersistedQuery } from './persistedQuery.ts';

/** An operation as the client sent it. */
export interface OperationParams {
  readonly query?: string | undefined;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | null | undefined;
}

/** The outcome of an operation. Market data is not opened before somebody takes it. */
export type OperationOutcome = ExecutionResult | MarketDataSource | AsyncIterable<ExecutionResult>;

/** An outcome that consists of several results. */
export type StreamOutcome = Exclude<OperationOutcome, ExecutionResult>;

/** Ends a stream that nobody will take. */
export function abandon(stream: StreamOutcome): void {
  // Market data is not open yet.
  if (!(stream instanceof MarketDataSource)) void stream[Symbol.asyncIterator]().return?.();
}

/** Executes one operation, from its text to its outcome. Never rejects: a refused operation has errors and no data. */
export type ExecuteOperation = (
  params: OperationParams,
  context: Omit<GraphqlContext, 'operation'>,
) => Promise<OperationOutcome>;

/** Some clients send an empty operation name for none. */
export function withoutEmptyName<Params extends OperationParams>(params: Params): Params {
  return params.operationName === '' ? { ...params, operationName: null } : params;
}

/** Every operation is executed by this, whatever protocol it came over. */
export function operationExecutor(
  getEnveloped: YogaServerInstance<object, object>['getEnveloped'],
  errors: ClientErrors,
): ExecuteOperation {
  return async (params, context) => {
    if (isPersistedQuery(params)) return { errors: [errors.persistedQueryNotSupported()] };
    const { query, operationName, variables } = withoutEmptyName(params);
    try {
      const enveloped = getEnveloped({ ...context });
      const document = enveloped.parse(query ?? '');
      const invalid = enveloped.validate(enveloped.schema, document);
      if (invalid.length > 0) return { errors: invalid };
      const operation = getOperationAST(document, operationName);
      if (!operation) {
        const message = 'operationName: expected the name of one of the operations in the document.';
        throw new GatewayError('BAD_REQUEST', message);
      }
      const args: ExecutionArgs = {
        schema: enveloped.schema,
        document,
        operationName,
        variableValues: variables,
        contextValue: await enveloped.contextFactory({
          operation: { document, operationName, variableValues: variables },
        }),
      };
      const isSubscription = operation.operation === OperationTypeNode.SUBSCRIPTION;
      return isSubscription ? await subscribe(args, errors) : await enveloped.execute(args);
    } catch (error) {
      return { errors: [errors.translate(error)] };
    }
  };
}

/**
 * Like graphql-js's `subscribe`, but market data is returned as its source, because it is sent without executing each
 * event for each client.
 */
async function subscribe(args: ExecutionArgs, errors: ClientErrors): Promise<OperationOutcome> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made above of one
  const { client } = args.contextValue as GraphqlContext;
  const cost = countCost(args, client.limits);
  if (cost instanceof GatewayError) throw cost;
  const valid = validateSubscriptionArgs(args);
  if (isErrors(valid)) return { errors: errors.translateAll(valid) };
  const source = await createSourceEventStream(valid);
  if (!isAsyncIterable(source)) return translated(source, errors);
  if (source instanceof MarketDataSource) return source;
  return mapAsyncIterator(source, async (rootValue) =>
    translated(await executeSubscriptionEvent({ ...valid, rootValue }), errors),
  );
}

function translated(result: ExecutionResult, errors: ClientErrors): ExecutionResult {
  return result.errors === undefined ? result : { ...result, errors: errors.translateAll(result.errors) };
}

type ValidArgs = ReturnType<typeof validateSubscriptionArgs>;

function isErrors(valid: ValidArgs): valid is Extract<ValidArgs, readonly unknown[]> {
  return Array.isArray(valid);
}
