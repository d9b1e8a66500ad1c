import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ExecutionResult } from 'graphql';
import { evidenceFromHeaders } from '../core/login/loginEvidence.ts';
import { LoginTerm } from '../core/login/LoginTerm.ts';
import { limitsOf } from '../core/login/limitsOf.ts';
import type { Services } from '../core/Services.ts';
import { ByteBudget } from '../fanout/ByteBudget.ts';
import { GatewayError } from '../shared/errors.ts';
import { httpRefusal } from '../shared/httpRefusal.ts';
import { admitClient } from './admitClient.ts';
import type { AdmittedClient } from './admitClient.ts';
import type { ClientErrors } from './ClientErrors.ts';
import type { DeliveryMeter } from '../fanout/DeliveryMeter.ts';
import { EventStream } from './EventStream.ts';
import type { GraphiqlPage } from './GraphiqlPage.ts';
import { graphqlUrl, readBody, refuseRequest } from './httpRequest.ts';
import type { Refusal } from './httpRequest.ts';
import type { HttpContext, Yoga } from './yoga.ts';

export interface GraphqlHttpOptions {
  readonly services: Services;
  readonly yoga: Yoga;
  readonly errors: ClientErrors;
  readonly meter: DeliveryMeter;
  /** Null: a browser gets what everybody gets. */
  readonly graphiql: GraphiqlPage | null;
  readonly heartbeatMs: number;
  readonly maxPayloadBytes: number;
  /** May pages of this origin read the answers? */
  readonly allowsOrigin: (origin: string) => boolean;
}

/** However little it holds, an answer that is under way takes memory for itself. */
const LEAST_VALUES = 500;

/** GraphQL over HTTP: queries, mutations by POST, subscriptions as server-sent events, and GraphiQL for browsers. */
export class GraphqlHttp {
  readonly #options: GraphqlHttpOptions;
  readonly #streams = new Set<EventStream>();

  constructor(options: GraphqlHttpOptions) {
    this.#options = options;
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    this.#answer(request, response).catch((error: unknown) => {
      this.#fail(response, error);
    });
  }

  /** Ends every stream of events. */
  close(): void {
    for (const stream of this.#streams) stream.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { graphiql, maxPayloadBytes } = this.#options;
    response.setHeader('x-content-type-options', 'nosniff');
    response.setHeader('vary', 'Accept, Origin');
    if (this.#answerOrigin(request, response)) return;
    if (graphiql?.isAskedFor(request) === true) {
      await graphiql.send(request, response);
      return;
    }
    const url = graphqlUrl(request);
    const refusal = refuseRequest(request, url);
    if (refusal !== null) {
      this.#refuse(response, refusal);
      return;
    }
    // Before its body is read: who may not come in costs no more than that.
    using client = await this.#admit(request);
    const body = request.method === 'POST' ? await readBody(request, maxPayloadBytes) : undefined;
    if (body === null) return;
    if (typeof body === 'object') this.#refuse(response, body);
    else await this.#execute({ request, response, url, body, client });
  }

  #admit(request: IncomingMessage): Promise<AdmittedClient> {
    const { services } = this.#options;
    const { headers } = request;
    const session = headers['x-session'];
    return admitClient({
      services,
      address: services.clientOf(request),
      evidence: evidenceFromHeaders(headers),
      sessionToken: typeof session === 'string' && session !== '' ? session : null,
    });
  }

  /** CORS. True where that was all that was asked. */
  #answerOrigin({ headers, method }: IncomingMessage, response: ServerResponse): boolean {
    const { origin } = headers;
    const isAllowed = origin !== undefined && this.#options.allowsOrigin(origin);
    if (isAllowed) response.setHeader('access-control-allow-origin', origin);
    if (method !== 'OPTIONS') return false;
    if (isAllowed) {
      response.setHeader('access-control-allow-methods', 'GET, POST');
      response.setHeader('access-control-allow-headers', 'content-type, authorization, x-api-key, x-session');
      response.setHeader('access-control-max-age', '600');
    }
    response.writeHead(204, { allow: 'GET, POST, OPTIONS' }).end();
    return true;
  }

  async #execute(exchange: Exchange): Promise<void> {
    const { yoga } = this.#options;
    const { request, response, url, body, client } = exchange;
    const { turns } = this.#options.services;
    const streamed: Streamed = { results: null, stream: null };
    await turns.turn(client.asker);
    const answer = await yoga.fetch(
      new yoga.fetchAPI.Request(url, {
        method: request.method ?? 'GET',
        headers: { accept: request.headers.accept ?? 'application/json', 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body }),
      }),
      this.#context(exchange, streamed),
    );
    const headers = { ...carriedOver(answer.headers), 'cache-control': 'no-store' };
    if (streamed.results === null) {
      this.#end(response, answer.status, headers, await answer.text());
      return;
    }
    using _place = this.#takePlace(exchange, streamed.results);
    response.writeHead(answer.status, { ...headers, 'x-accel-buffering': 'no' });
    const stream = this.#stream(response, streamed.results);
    streamed.stream = stream;
    using _term = new LoginTerm({
      principal: client.login.principal,
      clock: this.#options.services.clock,
      onNotice: null,
      onEnd: () => {
        stream.close();
      },
    });
    await stream.run().finally(() => this.#streams.delete(stream));
  }

  #context({ client, response }: Exchange, streamed: Streamed): HttpContext {
    const { services, meter } = this.#options;
    const { asker } = client;
    const limits = limitsOf(client.login.limits, services.limits);
    return {
      services,
      client: {
        address: client.address,
        asker,
        principal: client.login.principal,
        session: client.session,
        limits,
        renewLogin: null,
      },
      meter,
      direct: null,
      operation: null,
      protocol: 'graphql-sse',
      budget: new ByteBudget(limits.queueBytesPerConnection),
      admit: async (values) => {
        const gone = new AbortController();
        response.once('close', () => {
          gone.abort(new GatewayError('BAD_REQUEST', 'The client has left.'));
        });
        const share = await services.answers.take(asker, Math.max(values, LEAST_VALUES), gone.signal);
        if (response.closed) share[Symbol.dispose]();
        response.once('close', () => {
          share[Symbol.dispose]();
        });
        await services.turns.turn(asker);
        gone.signal.throwIfAborted();
      },
      onSlowConsumer: () => streamed.stream?.slow(),
      onStream: (results) => {
        streamed.results = results;
      },
    };
  }

  /** What turns out to be a stream counts as a connection, also as one of its API key. Throws LIMIT_EXCEEDED. */
  #takePlace({ client, request }: Exchange, results: AsyncIterable<ExecutionResult>): Disposable {
    const { keyConnections, holdConnection } = this.#options.services;
    try {
      using places = new DisposableStack();
      places.use(holdConnection(request));
      places.use(keyConnections.take(client.login, client.address));
      return places.move();
    } catch (error) {
      void results[Symbol.asyncIterator]().return?.();
      throw error;
    }
  }

  #stream(response: ServerResponse, results: AsyncIterable<ExecutionResult>): EventStream {
    const { services, errors, heartbeatMs } = this.#options;
    const { clock, metrics } = services;
    const stream = new EventStream({ response, results, errors, clock, metrics, heartbeatMs });
    this.#streams.add(stream);
    return stream;
  }

  #refuse(response: ServerResponse, { status, message, headers = {} }: Refusal): void {
    const { errors } = this.#options;
    const body = JSON.stringify({ errors: errors.format([errors.tell(new GatewayError('BAD_REQUEST', message))]) });
    this.#end(response, status, { ...headers, 'content-type': 'application/json; charset=utf-8' }, body);
  }

  // oxlint-disable-next-line max-params -- the parts of a response
  #end(response: ServerResponse, status: number, headers: Record<string, string>, body: string): void {
    const bytes = Buffer.from(body, 'utf8');
    this.#options.services.metrics.bytesSent.inc({ protocol: 'graphql-http' }, bytes.length);
    response.writeHead(status, { ...headers, 'content-length': bytes.length }).end(bytes);
  }

  #fail(response: ServerResponse, thrown: unknown): void {
    const { errors } = this.#options;
    const error = GatewayError.from(thrown);
    const body = JSON.stringify({ errors: errors.format([errors.tell(error)]) });
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const { status, headers } = httpRefusal(error);
    const always = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };
    this.#end(response, status, { ...always, ...headers }, body);
  }
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly body: string | undefined;
  readonly client: AdmittedClient;
}

/** What an operation turns out to be: results to stream, and what streams them. */
interface Streamed {
  results: AsyncIterable<ExecutionResult> | null;
  stream: EventStream | null;
}

/** What is said of the answer itself; how it is carried is for whoever writes it to say. */
function carriedOver(headers: Headers): Record<string, string> {
  const names = ['content-type', 'allow', 'accept'];
  return Object.fromEntries(names.flatMap((name) => (headers.has(name) ? [[name, headers.get(name) ?? '']] : [])));
}
