import { GraphQLError, Kind, getLocation } from 'graphql';
import type { ExecutionResult, FormattedExecutionResult, GraphQLFormattedError } from 'graphql';
import { ERROR_CODES, GatewayError } from '../shared/errors.ts';
import { logFault } from '../shared/logFault.ts';
import type { Logger } from '../shared/logger.ts';
import type { Metrics } from '../shared/metrics.ts';

export interface ClientErrorsOptions {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** False: messages name nothing of the schema that the client did not name itself. */
  readonly suggestions: boolean;
}

/** The HTTP status of a request that was not executed, for responses of the media type that says so by status. */
const REFUSED = { spec: true, status: 400 } as const;
const SUGGESTION = / Did you mean [^?]+\?/g;

/**
 * What a client is told of anything that went wrong: a sentence and the contract's code, over HTTP, server-sent events and
 * WebSocket alike. Never a stack, a cause or another's text; what is a fault of ours is logged with the id that the message
 * carries.
 */
export class ClientErrors {
  readonly #options: ClientErrorsOptions;
  readonly #told = new WeakSet<GraphQLError>();

  constructor(options: ClientErrorsOptions) {
    this.#options = options;
  }

  /** May be asked again with its own answer, and gives the same. */
  tell(thrown: unknown): GraphQLError {
    if (thrown instanceof GraphQLError && this.#told.has(thrown)) return thrown;
    const told = this.#translate(thrown);
    this.#told.add(told);
    return told;
  }

  tellAll(thrown: readonly unknown[]): GraphQLError[] {
    return thrown.map((error) => this.tell(error));
  }

  count(errors: readonly unknown[]): void {
    for (const { extensions } of this.tellAll(errors)) {
      this.#options.metrics.errors.inc({ code: String(extensions['code']) });
    }
  }

  /** The errors as they go onto the wire; each is counted. */
  format(errors: readonly GraphQLError[]): GraphQLFormattedError[] {
    this.count(errors);
    return this.tellAll(errors).map((error) => {
      const { extensions, ...formatted } = error.toJSON();
      const { http: _http, ...told } = extensions ?? {};
      return { ...formatted, extensions: told };
    });
  }

  formatResult(result: ExecutionResult): FormattedExecutionResult {
    const { errors, ...rest } = result;
    return errors === undefined ? rest : { ...rest, errors: this.format(errors) };
  }

  #translate(thrown: unknown): GraphQLError {
    const root = rootOf(thrown);
    if (root instanceof GraphQLError && thrown instanceof GraphQLError && isRefusal(thrown, root)) {
      return this.#badRequest(thrown);
    }
    // A GraphQLError that is no refusal is one of ours about what we have told: as much a fault of ours as any other.
    const error = GatewayError.from(root);
    logFault(this.#options.logger, error, 'an operation failed');
    return located(thrown, error.message, { ...error.toExtensions(), ...httpOf(thrown, error) });
  }

  #badRequest(error: GraphQLError): GraphQLError {
    const told = withoutValues(error);
    const message = this.#options.suggestions ? told : told.replaceAll(SUGGESTION, '');
    const { retryable } = ERROR_CODES.BAD_REQUEST;
    return located(error, message, { code: 'BAD_REQUEST', retryable, ...refusedHttp(error) });
  }
}

/** The HTTP status of a refusal: what is wrong with the request before it is a document is 400 for every media type. */
function refusedHttp({ extensions, locations, path }: GraphQLError): Record<string, unknown> {
  if (path !== undefined) return {};
  const { http } = extensions;
  if (locations !== undefined || typeof http !== 'object') return { http: REFUSED };
  return { http: { ...http, spec: false } };
}

/** GraphQL wraps what a resolver threw, and yoga may wrap that again. */
function rootOf(thrown: unknown): unknown {
  let root = thrown;
  while (root instanceof GraphQLError && root.originalError !== undefined) root = root.originalError;
  return root;
}

/**
 * True for what the client got wrong: the document, the variables, or an argument that shows itself to be wrong only while
 * the operation runs. An error about a field's value (it has the field's node, or none) is about what we answered.
 */
function isRefusal(error: GraphQLError, root: GraphQLError): boolean {
  if (error.path === undefined) return true;
  const node = root.nodes?.[0];
  return node !== undefined && node.kind !== Kind.FIELD;
}

/** Messages quote what the client named, and one name may be quoted in a hundred of them. */
const MAX_MESSAGE_LENGTH = 500;

function located(from: unknown, whole: string, extensions: Record<string, unknown>): GraphQLError {
  const message = whole.length <= MAX_MESSAGE_LENGTH ? whole : `${whole.slice(0, MAX_MESSAGE_LENGTH)}…`;
  if (!(from instanceof GraphQLError)) return new GraphQLError(message, { extensions });
  const { nodes = null, source = null, positions = null, path = null } = from;
  return new GraphQLError(message, { nodes, source, positions, path, extensions });
}

/** The HTTP status of a failure that left nothing to answer. A result in part is told with 200. */
function httpOf(thrown: unknown, { code }: GatewayError): Record<string, unknown> {
  if (thrown instanceof GraphQLError && thrown.path !== undefined) return {};
  return { http: code === 'INTERNAL' ? { status: 500 } : REFUSED };
}

/** Where graphql-js quotes in a message what the client gave; all that follows is left out. */
const QUOTATION = /\b(?:found|got|value:|representable|Invalid character:) .*$/s;

/**
 * The message of what is wrong with a document or its variables. Where these may hold credentials, it says what was
 * expected and not what was found: answers are logged by whoever gets them.
 */
export function withoutValues(error: GraphQLError): string {
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

/** Names have one spelling in GraphQL, so that a look at the text finds them wherever they stand, in a broken document too. */
const SECRET_PLACES = /authenticateBroker|credentials|renewLogin/i;

/** True of a document in which a client may have written credentials: its text is not kept, and no part of it is told. */
export function mayHoldSecrets(text: string): boolean {
  return SECRET_PLACES.test(text);
}
