import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../../src/shared/clock.ts';
import type { RestFaults } from './RestFaults.ts';
import { ENDPOINTS } from './restEndpoints.ts';
import type { Endpoint, RestWorld } from './restEndpoints.ts';
import { RestError, RestParams } from './restParams.ts';
import { parseTimeUnit } from './time.ts';
import type { Timers } from '../timing.ts';

/** One request as it arrived. `status` is 0 until it was answered. */
export interface RecordedRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** Wall time in milliseconds, with a fraction. */
  readonly atMs: number;
  readonly status: number;
}

export interface RestLimits {
  /** The limit of weight in a window, for all clients together. */
  readonly weight: number;
  readonly windowMs: number;
  /** After this many answers with 429 in one window, the next one leads to a ban. */
  readonly refusalsBeforeBan: number;
  readonly banMs: number;
  /** Serves only what the host for market data serves. */
  readonly marketDataOnly: boolean;
}

export interface RestApiOptions {
  readonly world: RestWorld;
  readonly limits: RestLimits;
  readonly faults: RestFaults;
  readonly clock: Clock;
  readonly timers: Timers;
}

interface Reply {
  readonly status: number;
  readonly body: string;
  readonly html?: boolean;
  readonly retryAfterSeconds?: number | null;
}

/** The HTTP half: counts weights, bans clients, follows the fault switches, and passes the rest to the endpoints. */
export class RestApi {
  readonly requests: RecordedRequest[] = [];
  readonly #options: RestApiOptions;
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #usedWeight = 0;
  #refusals = 0;

  constructor(options: RestApiOptions) {
    this.#options = options;
  }

  get usedWeight(): number {
    return this.#usedWeight;
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    const [path = '', ...rest] = (request.url ?? '').split('?');
    const rawQuery = rest.join('?');
    const record = {
      path,
      query: new URLSearchParams(rawQuery),
      headers: request.headers,
      atMs: performance.timeOrigin + this.#options.clock.monotonic(),
      status: 0,
    };
    this.requests.push(record);
    const send = (reply: Reply): void => {
      record.status = reply.status;
      this.#send(response, reply);
    };
    const answer = (): void => {
      void this.#reply(request, { path, rawQuery, query: record.query }).then(send);
    };
    const { delayMs } = this.#options.faults;
    if (delayMs > 0) this.#options.timers.after(delayMs, answer);
    else answer();
  }

  async #reply(request: IncomingMessage, target: Target): Promise<Reply> {
    const { world, faults, limits } = this.#options;
    const { path, query, rawQuery } = target;
    const banned = this.#banned();
    if (banned !== null) return banned;
    const scripted = faults.take(path);
    if (scripted !== null) return scripted;
    const endpoint = ENDPOINTS[path];
    if (endpoint === undefined || (limits.marketDataOnly && endpoint.beyondMarketData === true)) return notFound();
    const refused = this.#charge(endpoint, query);
    if (refused !== null) return refused;
    try {
      if (request.method !== 'GET')
        throw new RestError(405, -1000, `Request method '${request.method}' is not supported.`);
      const unitHeader = request.headers['x-mbx-time-unit'];
      const unit = parseTimeUnit(Array.isArray(unitHeader) ? unitHeader[0] : unitHeader) ?? 'ms';
      const apiKey = request.headers['x-mbx-apikey'];
      const body = await endpoint.answer(
        { params: new RestParams(query), rawQuery, apiKey: typeof apiKey === 'string' ? apiKey : null, unit },
        world,
      );
      return { status: 200, body };
    } catch (thrown) {
      if (!(thrown instanceof RestError)) throw thrown;
      return { status: thrown.status, body: JSON.stringify({ code: thrown.code, msg: thrown.message }) };
    }
  }

  /** Charges the request's weight; returns the refusal if the weight is more than the window allows. */
  #charge(endpoint: Endpoint, query: URLSearchParams): Reply | null {
    const { clock, limits, world, faults } = this.#options;
    const now = clock.monotonic();
    if (now - this.#windowStartMs >= limits.windowMs) {
      this.#windowStartMs = now;
      this.#usedWeight = 0;
      this.#refusals = 0;
    }
    this.#usedWeight += endpoint.weight(query);
    if (this.#usedWeight <= limits.weight) return null;
    this.#refusals += 1;
    if (this.#refusals > limits.refusalsBeforeBan) {
      faults.bannedUntilMs = world.now() + limits.banMs;
      return this.#banned();
    }
    const msg = `Too much request weight used; current limit is ${limits.weight} request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API.`;
    const retryAfterSeconds = Math.ceil((this.#windowStartMs + limits.windowMs - now) / 1000);
    return { status: 429, body: JSON.stringify({ code: -1003, msg }), retryAfterSeconds };
  }

  #banned(): Reply | null {
    const { world, faults } = this.#options;
    const untilMs = faults.bannedUntilMs;
    if (untilMs === null || untilMs <= world.now()) return null;
    const msg = `OperationTarget too much request weight used; IP banned until ${Math.floor(untilMs)}. Please use WebSocket Streams for live updates to avoid bans.`;
    const retryAfterSeconds = Math.ceil((untilMs - world.now()) / 1000);
    return { status: 418, body: JSON.stringify({ code: -1003, msg }), retryAfterSeconds };
  }

  #send(response: ServerResponse, reply: Reply): void {
    if (response.destroyed) return;
    const html = reply.html === true || (reply.status >= 400 && this.#options.faults.htmlErrors);
    const body = html ? errorPage(reply.status) : reply.body;
    response.writeHead(reply.status, {
      'content-type': html ? 'text/html' : 'application/json;charset=UTF-8',
      'content-length': Buffer.byteLength(body),
      'x-mbx-uuid': randomUUID(),
      'x-mbx-used-weight': String(this.#usedWeight),
      'x-mbx-used-weight-1m': String(this.#usedWeight),
      ...(typeof reply.retryAfterSeconds === 'number' ? { 'retry-after': String(reply.retryAfterSeconds) } : {}),
    });
    response.end(body);
  }
}

interface Target {
  readonly path: string;
  readonly rawQuery: string;
  readonly query: URLSearchParams;
}

function notFound(): Reply {
  return { status: 404, body: '', html: true };
}

function errorPage(status: number): string {
  return `<html>\r\n<head><title>${status} ERROR</title></head>\r\n<body><center><h1>${status} ERROR</h1></center></body>\r\n</html>\r\n`;
}
