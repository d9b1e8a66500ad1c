import { GraphQLError, Kind, getLocation } from 'graphql';
import type { ExecutionResult, FormattedExecutionResult, GraphQLFormattedError } from 'graphql';
import { ERROR_CODES, GatewayError } from '../shared/errors.ts';
import { logFault } from '../shared/logger.ts';
import type { Logger } from '../shared/logger.ts';
import type { Metrics } from '../shared/metrics.ts';

export interface ClientErrorsOptions {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /**
   * If false, messages name nothing of the schema that the client did not name itself. Read at each use, because it may
   * change.
   */
  readonly suggestions: boolean;
}

/** The HTTP status of a request that was not executed, for the media type that reports errors by status. */
const REFUSED = { spec: true, status: 400 } as const;
const SUGGESTION = / Did you mean [^?]+\?/g;

/**
 * Turns every failure into what clients see: a sentence and a documented code, over HTTP, server-sent events and
 * WebSocket alike. Clients never see a stack, a cause or somebody else's text. A fault of ours is logged with the id
 * that the client's message contains.
 */
export class ClientErrors {
  readonly #options: ClientErrorsOptions;
  readonly #translated = new WeakSet<GraphQLError>();

  constructor(options: ClientErrorsOptions) {
    this.#options = options;
  }

  /** Returns the error for clients. It may be called again with its own result, and returns the same. */
  translate(thrown: unknown): GraphQLError {
    if (thrown instanceof GraphQLError && this.#translated.has(thrown)) return thrown;
    const translated = this.#toClientError(thrown);
    this.#translated.add(translated);
    return translated;
  }

  translateAll(thrown: readonly unknown[]): GraphQLError[] {
    return thrown.map((error) => this.translate(error));
  }

  /**
   * The refusal of a persisted query. Clients know it by its message or its code, and send the whole query instead. It is
   * no failure, so its HTTP status is 200.
   */
  persistedQueryNotSupported(): GraphQLError {
    const extensions = { code: 'PERSISTED_QUERY_NOT_SUPPORTED', retryable: false, http: { status: 200 } };
    const error = new GraphQLError('PersistedQueryNotSupported', { extensions });
    this.#translated.add(error);
    return error;
  }

  count(errors: readonly unknown[]): void {
    for (const { extensions } of this.translateAll(errors)) {
      this.#options.metrics.errors.inc({ code: String(extensions['code']) });
    }
  }

  /** The errors in their wire format. Each is counted. */
  format(errors: readonly GraphQLError[]): GraphQLFormattedError[] {
    this.count(errors);
    return this.translateAll(errors).map((error) => {
      const { extensions, ...formatted } = error.toJSON();
      const { http: _http, ...rest } = extensions ?? {};
      return { ...formatted, extensions: rest };
    });
  }

  formatResult(result: ExecutionResult): FormattedExecutionResult {
    const { errors, ...rest } = result;
    return errors === undefined ? rest : { ...rest, errors: this.format(errors) };
  }

  #toClientError(thrown: unknown): GraphQLError {
    const root = rootOf(thrown);
    if (root instanceof GraphQLError && thrown instanceof GraphQLError && isRefusal(thrown, root)) {
      return this.#badRequest(thrown);
    }
    // Any other GraphQLError is about what we answered, so it is a fault of ours like any other.
    const error = GatewayError.from(root);
    logFault(this.#options.logger, error, 'an operation failed');
    return located(thrown, error.message, { ...error.toExtensions(), ...httpOf(thrown, error) });
  }

  #badRequest(error: GraphQLError): GraphQLError {
    const text = withoutValues(error);
    const message = this.#options.suggestions ? text : text.replaceAll(SUGGESTION, '');
    const { retryable } = ERROR_CODES.BAD_REQUEST;
    return located(error, message, { code: 'BAD_REQUEST', retryable, ...refusedHttp(error) });
  }
}

/** The HTTP status of a refusal. A request that fails before its document is read gets 400 in every media type. */
function refusedHttp({ extensions, locations, path }: GraphQLError): Record<string, unknown> {
  if (path !== undefined) return {};
  const { http } = extensions;
  if (locations !== undefined || typeof http !== 'object') return { http: REFUSED };
  return { http: { ...http, spec: false } };
}

/** The error that a resolver threw: GraphQL wraps it, and yoga may wrap that again. */
function rootOf(thrown: unknown): unknown {
  let root = thrown;
  while (root instanceof GraphQLError && root.originalError !== undefined) root = root.originalError;
  return root;
}

/**
 * True if the client is at fault: the document, the variables, or an argument that proves wrong during execution. An
 * error about a field's value (its node is the field, or none) is about our answer.
 */
function isRefusal(error: GraphQLError, root: GraphQLError): boolean {
  if (error.path === undefined) return true;
  const node = root.nodes?.[0];
  return node !== undefined && node.kind !== Kind.FIELD;
}

/** Messages quote what the client named, and one document may cause a hundred of them. */
const MAX_MESSAGE_LENGTH = 500;

function located(from: unknown, whole: string, extensions: Record<string, unknown>): GraphQLError {
  const message = whole.length <= MAX_MESSAGE_LENGTH ? whole : `${whole.slice(0, MAX_MESSAGE_LENGTH)}…`;
  if (!(from instanceof GraphQLError)) return new GraphQLError(message, { extensions });
  const { nodes = null, source = null, positions = null, path = null } = from;
  return new GraphQLError(message, { nodes, source, positions, path, extensions });
}

/** The HTTP status of a failure without any data. A partial result has status 200. */
function httpOf(thrown: unknown, { code }: GatewayError): Record<string, unknown> {
  if (thrown instanceof GraphQLError && thrown.path !== undefined) return {};
  return { http: code === 'INTERNAL' ? { status: 500 } : REFUSED };
}

/** The words after which a message of graphql-js quotes what the client sent. The rest of the message is left out. */
const QUOTATION = /(?:, but encountered error|\b(?:found:?|got:?|value:|representable|Invalid character:)) .*$/is;

/**
 * The message for a wrong document or wrong variables. If these may contain credentials, the message says what was
 * expected but not what was found, because clients log answers.
 */
function withoutValues(error: GraphQLError): string {
  const { source, nodes, positions, message, originalError } = error;
  const [node] = nodes ?? [];
  const document = source ?? node?.loc?.source;
  if (document === undefined || !mayHoldSecrets(document.body)) return message;
  if (node === undefined && message.startsWith('Syntax Error')) {
    const { line, column } = getLocation(document, positions?.[0] ?? 0);
    return `Syntax Error at line ${line}, column ${column}.`;
  }
  if (node?.kind === Kind.VARIABLE_DEFINITION && originalError !== undefined) {
    return `Variable "$${node.variable.name.value}": ${masked(originalError.message)}`;
  }
  return masked(message);
}

function masked(message: string): string {
  return message.replace(QUOTATION, 'found another value (not shown).');
}

/** GraphQL has one spelling for a name, so searching the text finds it, even in a document that doesn't parse. */
const SECRET_PLACES = /authenticateBroker|credentials|renewLogin/i;

/** True if a client may have written credentials into the document. Then its text is neither kept nor quoted. */
export function mayHoldSecrets(text: string): boolean {
  return SECRET_PLACES.test(text);
}
