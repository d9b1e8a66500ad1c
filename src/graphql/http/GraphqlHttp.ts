import type { IncomingMessage, ServerResponse } from 'node:http';
import { ConnectedClient } from '../../core/ConnectedClient.ts';
import { evidenceFromHeaders } from '../../core/login/loginEvidence.ts';
import type { Services } from '../../core/Services.ts';
import { ByteBudget } from '../../fanout/client/PendingEvents.ts';
import { EVENT_STREAM } from '../../fanout/frames/streamFraming.ts';
import type { StreamFraming } from '../../fanout/frames/streamFraming.ts';
import { GatewayError, toHttpHead } from '../../shared/errors.ts';
import type { Spread } from '../../shared/spread.ts';
import type { ClientErrors } from '../ClientErrors.ts';
import type { DeliveryMeter } from '../../shared/metrics.ts';
import { acceptedAnswers } from './acceptedAnswers.ts';
import type { AcceptedAnswers } from './acceptedAnswers.ts';
import { lastCursors } from './EventIds.ts';
import { EventStream } from './EventStream.ts';
import { MarketDataSource } from '../MarketDataSource.ts';
import type { EventStreamOptions } from './EventStream.ts';
import type { GraphiqlPage } from './GraphiqlPage.ts';
import { graphqlUrl, readBody, refuseRequest } from './httpRequest.ts';
import type { Refusal } from './httpRequest.ts';
import type { SharedShapes } from '../shapes/SharedShapes.ts';
import { abandon } from '../executeOperation.ts';
import type { StreamOutcome } from '../executeOperation.ts';
import type { HttpContext, Yoga } from '../yoga.ts';

export interface GraphqlHttpOptions {
  readonly services: Services;
  readonly yoga: Yoga;
  readonly errors: ClientErrors;
  /** Count what is sent in streams. */
  readonly meters: Readonly<Record<'sse' | 'multipart', DeliveryMeter>>;
  readonly shapes: SharedShapes;
  /** Null: browsers are answered like everybody else. Read at each use, because it may change. */
  readonly graphiql: GraphiqlPage | null;
  readonly heartbeatMs: number;
  readonly maxPayloadBytes: number;
}

/** A proxy that compresses a stream, or collects it, withholds events until it has enough of them. */
const UNTOUCHED_BY_PROXIES = { 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no' };
const SHUTTING_DOWN = new GatewayError('BROKER_UNAVAILABLE', 'The gateway is shutting down; subscribe again.', {
  httpStatus: 503,
});
const LOGIN_ENDED = new GatewayError('UNAUTHENTICATED', 'The login has ended: subscribe again with another.');
/** Nobody sees this. */
const CLIENT_LEFT = new GatewayError('BAD_REQUEST', 'The client has left.');

/**
 * GraphQL over HTTP: queries, mutations by POST, subscriptions as server-sent events or multipart, and GraphiQL for
 * browsers.
 */
export class GraphqlHttp {
  readonly #options: GraphqlHttpOptions;
  readonly #streams = new Set<EventStream>();
  #isClosed = false;

  constructor(options: GraphqlHttpOptions) {
    this.#options = options;
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    this.#answer(request, response).catch((error: unknown) => {
      this.#fail(response, error);
    });
  }

  /** Ends every event stream; resolves when the last one is gone. One that is still being prepared is refused. */
  async close(spread: Spread): Promise<void> {
    this.#isClosed = true;
    await spread(this.#streams, (stream) => {
      stream.close(SHUTTING_DOWN);
    });
    await Promise.all([...this.#streams].map(({ closed }) => closed));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { graphiql, maxPayloadBytes } = this.#options;
    response.setHeader('x-content-type-options', 'nosniff');
    response.setHeader('vary', 'Accept, Origin');
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
    // The client is admitted before the body is read, so that a refused request costs no more than that.
    using client = await this.#admit(request);
    const body = request.method === 'POST' ? await readBody(request, maxPayloadBytes) : undefined;
    if (body === null) return;
    if (typeof body === 'object') this.#refuse(response, body);
    else await this.#execute({ request, response, url, body, client });
  }

  #admit(request: IncomingMessage): Promise<ConnectedClient> {
    const { services } = this.#options;
    const { headers } = request;
    const session = headers['x-session'];
    return ConnectedClient.admit({
      services,
      address: services.clientOf(request),
      evidence: services.logins.areChecked ? evidenceFromHeaders(headers) : null,
      sessionToken: typeof session === 'string' && session !== '' ? session : null,
    });
  }

  async #execute(exchange: Exchange): Promise<void> {
    const { yoga } = this.#options;
    const { request, response, url, body, client } = exchange;
    const { turns } = this.#options.services;
    const budget = new ByteBudget(client.limits.queueBytesPerConnection);
    const accept = request.headers.accept ?? 'application/json';
    const accepted = acceptedAnswers(accept);
    const meter = this.#meterOf(accepted);
    let streamed: Streamed | null = null;
    await turns.turn(client.asker);
    const answer = await yoga.fetch(
      new yoga.fetchAPI.Request(url, {
        method: request.method ?? 'GET',
        headers: { accept, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body }),
      }),
      this.#context(exchange, {
        protocol: meter.protocol,
        budget,
        accepted,
        onStream: (results, framing) => {
          streamed = { results, framing };
        },
      }),
    );
    const headers = { ...carriedOver(answer.headers), 'cache-control': 'no-store' };
    if (streamed === null) {
      this.#end(response, answer.status, headers, await answer.text());
      return;
    }
    const { framing, results } = streamed;
    using _place = this.#takePlace(exchange, results);
    const stream = this.#open({
      response,
      framing,
      budget,
      meter,
      resumed: resumedBy(results),
      headers: { ...headers, ...UNTOUCHED_BY_PROXIES },
    });
    client.watchLogin({
      endsSoon: null,
      ended: () => {
        stream.close(LOGIN_ENDED);
      },
    });
    await stream.run(results).finally(() => this.#streams.delete(stream));
  }

  #context(
    { client, request, response }: Exchange,
    rest: Pick<HttpContext, 'protocol' | 'budget' | 'accepted' | 'onStream'>,
  ): HttpContext {
    const { services } = this.#options;
    const { asker } = client;
    return {
      services,
      client,
      lastCursors: lastCursors(request.headers),
      ...rest,
      admit: async (values) => {
        const gone = new AbortController();
        const leave = (): void => {
          gone.abort(CLIENT_LEFT);
        };
        if (response.closed) leave();
        else response.once('close', leave);
        const share = await services.answers.take(asker, values, gone.signal);
        if (response.closed) share[Symbol.dispose]();
        response.once('close', () => {
          share[Symbol.dispose]();
        });
        await services.turns.turn(asker);
        gone.signal.throwIfAborted();
      },
    };
  }

  /** A stream counts as a connection, and as a connection of its API key. Throws LIMIT_EXCEEDED, and at shutdown. */
  #takePlace({ client, request }: Exchange, stream: StreamOutcome): Disposable {
    try {
      if (this.#isClosed) throw SHUTTING_DOWN;
      client.takePlace();
      return this.#options.services.holdConnection(request);
    } catch (error) {
      abandon(stream);
      throw error;
    }
  }

  #meterOf({ stream }: AcceptedAnswers): DeliveryMeter {
    const { sse, multipart } = this.#options.meters;
    return stream === null || stream === EVENT_STREAM ? sse : multipart;
  }

  #open(
    opening: Pick<EventStreamOptions, 'response' | 'headers' | 'framing' | 'budget' | 'meter' | 'resumed'>,
  ): EventStream {
    const stream = new EventStream({ ...this.#options, ...opening });
    this.#streams.add(stream);
    return stream;
  }

  #refuse(response: ServerResponse, { status, message, headers = {} }: Refusal): void {
    const { errors } = this.#options;
    const body = JSON.stringify({
      errors: errors.format([errors.translate(new GatewayError('BAD_REQUEST', message))]),
    });
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
    const body = JSON.stringify({ errors: errors.format([errors.translate(error)]) });
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const { status, headers } = toHttpHead(error);
    const always = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };
    this.#end(response, status, { ...always, ...headers }, body);
  }
}

function resumedBy(results: StreamOutcome): EventStreamOptions['resumed'] {
  return results instanceof MarketDataSource ? results.resumed : [];
}

interface Streamed {
  readonly results: StreamOutcome;
  readonly framing: StreamFraming;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly body: string | undefined;
  readonly client: ConnectedClient;
}

/** The headers of the answer without those that describe its transport. */
function carriedOver(headers: Headers): Record<string, string> {
  const names = ['content-type', 'allow', 'accept'];
  return Object.fromEntries(names.flatMap((name) => (headers.has(name) ? [[name, headers.get(name) ?? '']] : [])));
}
