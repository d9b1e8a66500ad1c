import { execute as executeDocument } from 'graphql';
import type { ExecutionArgs, ExecutionResult, GraphQLSchema } from 'graphql';
import { createYoga, isAsyncIterable } from 'graphql-yoga';
import type { Plugin } from 'graphql-yoga';
import { EVENT_STREAM } from '../fanout/frames/streamFraming.ts';
import type { StreamFraming } from '../fanout/frames/streamFraming.ts';
import { GatewayError } from '../shared/errors.ts';
import type { ClientErrors } from './ClientErrors.ts';
import type { GraphqlContext } from './context.ts';
import { DocumentCache } from './documents/DocumentCache.ts';
import { abandon, operationExecutor, withoutEmptyName } from './executeOperation.ts';
import type { ExecuteOperation, StreamOutcome } from './executeOperation.ts';
import type { AcceptedAnswers } from './http/acceptedAnswers.ts';
import { stringifyInSlices, turnOf } from './slices.ts';
import { isPersistedQuery } from './persistedQuery.ts';
import { boundedParse, boundedValidate, countCost, refuseLength } from './documents/queryLimits.ts';

/** The context of an operation that came over HTTP. */
export interface HttpContext extends Omit<GraphqlContext, 'operation'> {
  /** The answers that the client takes. */
  readonly accepted: AcceptedAnswers;
  /** Called in place of making a body if the answer is a stream of results. The callee owns the stream. */
  readonly onStream: (results: StreamOutcome, framing: StreamFraming) => void;
}

/** The yoga server of this gateway. */
export type Yoga = ReturnType<typeof createYoga<HttpContext>>;

export interface YogaOptions {
  readonly schema: GraphQLSchema;
  readonly errors: ClientErrors;
  /** Whether queries about the schema are answered now. */
  readonly introspection: () => boolean;
}

/**
 * The pipeline that every operation runs through: over HTTP by yoga's `fetch`, over other protocols by `execute`.
 * Documents are parsed and validated within limits and cached, graphql-js executes them, and `ClientErrors` translates
 * errors. Reading requests and writing responses (body limits, CORS, GraphiQL, event streams) happens around it.
 */
export function createGatewayYoga(options: YogaOptions): { readonly yoga: Yoga; readonly execute: ExecuteOperation } {
  const { schema, errors } = options;
  const yoga: Yoga = createYoga<HttpContext>({
    schema,
    logging: false,
    cors: false,
    graphiql: false,
    landingPage: false,
    multipart: false,
    batching: false,
    maxRequestBodySize: false,
    maskedErrors: { maskError: (error) => errors.translate(error) },
    // Limits differ from client to client, so verdicts that depend on them are not cached.
    parserAndValidationCache: { documentCache: new DocumentCache(), errorCache: NO_CACHE, validationCache: false },
    plugins: [pipeline(options), executedBy((params, context) => execute(params, context)), eventStreams(errors)],
  });
  const execute = operationExecutor(yoga.getEnveloped, errors);
  return { yoga, execute };
}

/** Executes HTTP requests like operations of any other protocol. */
function executedBy(execute: ExecuteOperation): Plugin<Record<string, never>, HttpContext> {
  return {
    onParams({ params: sent, setParams, setParamsHandler }) {
      // Yoga's own check wants a query; the executor refuses the hash of one.
      if (isPersistedQuery(sent)) setParams({ ...sent, query: '' });
      setParamsHandler(({ params, request, context }) => {
        // Yoga's own plugins read both.
        const whole = { ...context, request, params: withoutEmptyName(params) };
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- passed on as it is, to eventStreams
        return execute(params, whole) as Promise<ExecutionResult>;
      });
    },
  };
}

/** Every answer in progress takes at least as much memory as one with this many values. */
const LEAST_VALUES = 500;

/** A document that doesn't parse is not worth keeping. */
const NO_CACHE = {
  get: (): undefined => undefined,
  set: (): void => {},
};

function pipeline({ schema, errors, introspection }: YogaOptions): Plugin<GraphqlContext> {
  const validateOpenly = boundedValidate(schema, true);
  const validateClosed = boundedValidate(schema, false);
  return {
    onParse({ context, setParseFn }) {
      const { limits } = context.client;
      setParseFn((source) => boundedParse(typeof source === 'string' ? source : source.body, limits));
      return ({ result, replaceParseResult }) => {
        const refusal = result === null || result instanceof Error ? result : refuseLength(result, limits);
        if (refusal !== null) replaceParseResult(errors.translate(refusal));
      };
    },
    onValidate({ context, setValidationFn }) {
      const { limits } = context.client;
      const validateDocument = introspection() ? validateOpenly : validateClosed;
      setValidationFn((_schema, document) => validateDocument(document, limits));
      return ({ valid, result, setResult }) => {
        if (!valid) setResult(errors.translateAll(result));
      };
    },
    // Errors that are thrown here are translated by `maskedErrors`.
    onExecute({ setExecuteFn }) {
      setExecuteFn(async (args: ExecutionArgs) => {
        const { client, admit, services } = contextOf(args);
        const cost = countCost(args, client.limits);
        if (cost instanceof GatewayError) return { errors: [errors.translate(cost)] };
        services.admission.admitOperation();
        await admit(Math.max(cost, LEAST_VALUES));
        return executeDocument(args);
      });
    },
  };
}

function contextOf({ contextValue }: ExecutionArgs): GraphqlContext {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- both ways into the pipeline are typed to bring one
  return contextValue as GraphqlContext;
}

const NOT_ACCEPTABLE = new GatewayError(
  'BAD_REQUEST',
  'A subscription over HTTP is answered with a stream: accept text/event-stream, or multipart/mixed;subscriptionSpec=1.0.',
);

/** Joins two JSON objects. */
function joinMembers(first: string, second: string): string {
  return first === '{}' ? second : `${first.slice(0, -1)},${second.slice(1)}`;
}

type ResultPayload = Parameters<NonNullable<Plugin<Record<string, never>, HttpContext>['onResultProcess']>>[0];

/** Hands streams of results over before a body is made of them: the owner of the socket writes them. */
function eventStreams(errors: ClientErrors): Plugin<Record<string, never>, HttpContext> {
  return {
    async onResultProcess(payload) {
      const { result, serverContext } = payload;
      const { stream, json } = serverContext.accepted;
      if (isSingle(result)) {
        const isPart = !json && stream !== null && stream !== EVENT_STREAM;
        await (isPart ? answerInPart(payload, result, stream) : answerInSlices(payload, result));
      } else if (!isAsyncIterable<ExecutionResult>(result)) {
        // Batching is off.
        return;
      } else if (stream === null) {
        abandon(result);
        refuse(payload);
      } else {
        answer(payload, '', { contentType: stream.contentType });
        serverContext.onStream(result, stream);
      }
    },
  };

  /** A single result for a client that takes multipart only. */
  async function answerInPart(payload: ResultPayload, result: ExecutionResult, framing: StreamFraming): Promise<void> {
    const text = await stringifyInSlices(errors.formatResult(result), () => turnOf(payload.serverContext));
    answer(payload, framing.start + framing.result(text) + framing.end, framing);
  }

  async function answerInSlices(payload: ResultPayload, result: ExecutionResult): Promise<void> {
    if ('errors' in result) errors.count(result.errors ?? []);
    if (!('data' in result) || !result.data) return;
    const data = await stringifyInSlices(result.data, () => turnOf(payload.serverContext));
    payload.setResult({
      ...result,
      stringify: ({ data: _data, ...rest }) => joinMembers(JSON.stringify(rest), `{"data":${data}}`),
    });
  }

  function refuse(payload: ResultPayload): void {
    const body = JSON.stringify({ errors: errors.format([errors.translate(NOT_ACCEPTABLE)]) });
    answer(payload, body, { contentType: 'application/json; charset=utf-8', status: 406 });
  }
}

function isSingle(result: ResultPayload['result']): result is ExecutionResult {
  return !Array.isArray(result) && !isAsyncIterable(result);
}

function answer(
  payload: ResultPayload,
  body: string,
  { contentType, status = 200 }: { readonly contentType: string; readonly status?: number },
): void {
  const headers = { 'content-type': contentType };
  payload.setResultProcessor((_result, { Response }) => new Response(body, { status, headers }), contentType);
}
