import { getOperationAST, OperationTypeNode } from 'graphql';
import type { ExecutionResult } from 'graphql';
import type { SubscribePayload } from 'graphql-ws';
import { GatewayError } from '../shared/errors.ts';
import type { ClientErrors } from './ClientErrors.ts';
import type { GraphqlContext } from './context.ts';
import type { Yoga } from './yoga.ts';

/** One operation from its text to its result or results. Never rejects: what is refused is a result with errors and no data. */
export type ExecuteOperation = (
  payload: SubscribePayload,
  context: Omit<GraphqlContext, 'operation'>,
) => Promise<ExecutionResult | AsyncIterable<ExecutionResult>>;

/** Over WebSocket an operation runs through the same plugins as over HTTP. */
export function operationExecutor(yoga: Yoga, errors: ClientErrors): ExecuteOperation {
  return async (payload, context) => {
    try {
      return await execute(yoga, payload, context);
    } catch (error) {
      return { errors: [errors.tell(error)] };
    }
  };
}

async function execute(
  yoga: Yoga,
  { query, operationName, variables }: SubscribePayload,
  context: Omit<GraphqlContext, 'operation'>,
): Promise<ExecutionResult | AsyncIterable<ExecutionResult>> {
  const enveloped = yoga.getEnveloped({ ...context });
  const document = enveloped.parse(query);
  const invalid = enveloped.validate(enveloped.schema, document);
  if (invalid.length > 0) return { errors: invalid };
  const operation = getOperationAST(document, operationName);
  if (!operation) {
    throw new GatewayError('BAD_REQUEST', 'operationName: expected the name of one of the operations in the document.');
  }
  const args = {
    schema: enveloped.schema,
    document,
    operationName,
    variableValues: variables,
    contextValue: await enveloped.contextFactory({
      operation: { document, operationName, variableValues: variables },
    }),
  };
  return operation.operation === OperationTypeNode.SUBSCRIPTION ? enveloped.subscribe(args) : enveloped.execute(args);
}
