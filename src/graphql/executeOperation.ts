import { createSourceEventStream, execute, getOperationAST, OperationTypeNode } from 'graphql';
import type { ExecutionArgs, ExecutionResult } from 'graphql';
import { isAsyncIterable, mapAsyncIterator } from 'graphql-yoga';
import type { YogaServerInstance } from 'graphql-yoga';
import { GatewayError } from '../shared/errors.ts';
import type { ClientErrors } from './ClientErrors.ts';
import type { GraphqlContext } from './context.ts';
import { MarketDataSource } from './MarketDataSource.ts';
import { countCost } from './documents/queryLimits.ts';

/** An operation as its client sent it. */
export interface OperationParams {
  readonly query?: string | undefined;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
}

/** What an operation turned out to be: market data is not opened before somebody takes it. */
export type OperationOutcome = ExecutionResult | MarketDataSource | AsyncIterable<ExecutionResult>;

/** Results that come one after the other. */
export type StreamOutcome = Exclude<OperationOutcome, ExecutionResult>;

/** Ends a stream that nobody takes. */
export function abandon(stream: StreamOutcome): void {
  // Market data was not opened yet.
  if (!(stream instanceof MarketDataSource)) void stream[Symbol.asyncIterator]().return?.();
}

/** One operation from its text to its outcome. Never rejects: what is refused is a result with errors and no data. */
export type ExecuteOperation = (
  params: OperationParams,
  context: Omit<GraphqlContext, 'operation'>,
) => Promise<OperationOutcome>;

/** Every operation runs through this, over whatever protocol it came. */
export function operationExecutor(
  getEnveloped: YogaServerInstance<object, object>['getEnveloped'],
  errors: ClientErrors,
): ExecuteOperation {
  return async ({ query, operationName, variables }, context) => {
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
      return { errors: [errors.tell(error)] };
    }
  };
}

/** As graphql-js's `subscribe`, but market data is given as it is: it is told without executing each event for each client. */
async function subscribe(args: ExecutionArgs, errors: ClientErrors): Promise<OperationOutcome> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made above of one
  const { client } = args.contextValue as GraphqlContext;
  const cost = countCost(args, client.limits);
  if (cost instanceof GatewayError) throw cost;
  const source = await createSourceEventStream(args);
  if (!isAsyncIterable(source)) return told(source, errors);
  if (source instanceof MarketDataSource) return source;
  return mapAsyncIterator(source, async (rootValue) => told(await execute({ ...args, rootValue }), errors));
}

function told(result: ExecutionResult, errors: ClientErrors): ExecutionResult {
  return result.errors === undefined ? result : { ...result, errors: errors.tellAll(result.errors) };
}
