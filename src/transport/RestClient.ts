import type { Agent } from 'node:http';
import { Backoff } from '../shared/backoff.ts';
import { sleep } from '../shared/clock.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import type { Metrics } from '../shared/metrics.ts';
import type { Random } from '../shared/random.ts';
import { BodyTooLargeError, httpGet, keepAliveAgent, lastingRefusal, retryAfterMs } from './httpGet.ts';
import type { HttpReply } from './httpGet.ts';
import { readJson } from './json.ts';
import { deadline } from '../shared/deadline.ts';
import { allAskers } from '../shared/FairQueue.ts';
import type { Askers } from '../shared/FairQueue.ts';
import type { AskOptions, Demand, Parking, Pass, RequestQueue } from './RequestQueue.ts';
import { SingleFlight } from './SingleFlight.ts';
import type { SlidingWindow } from './SlidingWindow.ts';
import type { z } from 'zod';

export interface RestClientOptions {
  /** The broker's id, for error messages and metrics. */
  readonly name: string;
  /** Scheme and host, and optionally a path that comes before every request's. */
  readonly baseUrl: string;
  /** Decides when each request may be sent; shared with other clients of the host if the venue counts them together. */
  readonly queue: RequestQueue;
  /** The reply's header with the weight used in this minute, in lower case. */
  readonly usedWeightHeader?: string;
  /** Sent beside our own. Called for each request; the result is not kept, for it may hold a secret. */
  readonly headers?: () => Readonly<Record<string, string>>;
  /** Limits new connections; shared with everything that connects to the same venue. */
  readonly connections?: SlidingWindow;
  /** Parses the body of a 2xx or 4xx; undefined if it is invalid. @default readJson */
  readonly read?: (reply: HttpReply) => unknown;
  /** Reads from the body of a 429 or 418 how long, from now, the venue wants no request; null if it does not say. */
  readonly askedPauseMs?: (body: string) => number | null;
  /** How long no request is sent after a 429 without a Retry-After. @default 60000 */
  readonly pauseMs?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** For one exchange, connecting included. @default 10000 */
  readonly timeoutMs?: number;
  /** Bound of a reply's body, unpacked. @default 16777216 */
  readonly maxBodyBytes?: number;
}

export interface RestRequest extends Demand, AskOptions {
  /** The path with the query, encoded as it is to be sent. */
  readonly path: string;
}

/**
 * A JSON reply with a status of 2xx, or a 4xx with the venue's own error; neither a server error nor a request to wait.
 */
export interface RestReply {
  readonly status: number;
  readonly body: unknown;
}

type Outcome =
  | { readonly kind: 'reply'; readonly reply: RestReply }
  /** The venue wants no request for a while; the queue knows. */
  | { readonly kind: 'paused' }
  | { readonly kind: 'failed'; readonly retry: boolean; readonly retryAfterMs: number; readonly error: GatewayError };

const RETRIES = 2;
const RETRY = { baseMs: 250, maxMs: 4_000 };
/** A pause without a Retry-After: a minute's weight is forgotten after a minute; a ban lasts two at least. */
const PAUSE_MS = 60_000;
const BAN_MS = 120_000;
const LONGEST_CLIENT_DELAY_MS = 5_000;
/** While a new connection is not to be made, one that is open may become free. */
const LOOK_AGAIN_MS = 50;

/**
 * Asks one venue's HTTP host for JSON. Everything goes through a queue (RequestQueue): bounded, within the venue's
 * weight limit, and silent while the venue has asked us to wait. Faults of the network and of the server are tried
 * again; the same question asked by several callers at once with the same patience is asked once. Its creator owns it
 * until `close()`.
 */
export class RestClient implements AsyncDisposable {
  readonly #options: RestClientOptions;
  readonly #baseUrl: string;
  readonly #agent: Agent;
  readonly #queue: RequestQueue;
  readonly #flights = new SingleFlight<RestReply, RestRequest>();

  constructor(options: RestClientOptions) {
    this.#options = options;
    this.#baseUrl = options.baseUrl.replace(/\/+$/, '');
    this.#queue = options.queue;
    this.#agent = keepAliveAgent(this.#baseUrl, this.#queue.concurrency);
  }

  /**
   * Rejects with BROKER_UNAVAILABLE when the venue can't be reached or answers nonsense, RATE_LIMITED when the queue or
   * the weight is used up, and with the reason of the signal.
   */
  get(request: RestRequest): Promise<RestReply> {
    const key = `${request.patience} ${request.path}`;
    const work = (signal: AbortSignal, requests: ReadonlySet<RestRequest>): Promise<RestReply> => {
      // A caller that joins a request which is under way moves it up, as if it had asked first.
      const askers: Askers = () => allAskers([...requests].map((each) => each.askers));
      const onParked = (parking: Parking): void => {
        for (const each of requests) each.onParked?.(parking);
      };
      return this.#perform({ ...request, askers, onParked }, signal);
    };
    // The request that it may join has been notified already.
    const { parking } = this.#queue;
    if (parking !== null && request.patience === 'wait') request.onParked?.(parking);
    return this.#flights.run(key, work, { ...request });
  }

  /** Aborts requests under way, refuses those that wait, and closes every connection. May be called again. */
  async close(): Promise<void> {
    await this.#flights.close(this.#unavailable('is shutting down'));
    this.#agent.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #perform(request: RestRequest, signal: AbortSignal): Promise<RestReply> {
    const { clock, random, name } = this.#options;
    const { weight, patience, askers, series, onParked } = request;
    const backoff = new Backoff({ ...RETRY, random });
    for (;;) {
      const pass = await this.#queue.enter({ name, weight, patience, askers, series, onParked }, signal);
      const outcome = await this.#attempt(request, pass, signal);
      if (outcome.kind === 'reply') return outcome.reply;
      // The queue decides after a pause: patient requests wait, and it refuses the others.
      if (outcome.kind === 'paused') continue;
      const delayMs = backoff.next(outcome.retryAfterMs);
      const tooLong = patience === 'fail' && delayMs > LONGEST_CLIENT_DELAY_MS;
      if (!outcome.retry || tooLong || backoff.attempt > RETRIES) throw outcome.error;
      await sleep(clock, delayMs, signal);
      signal.throwIfAborted();
    }
  }

  /** Performs one exchange. The queue learns of a pause before it learns that there is room for the next request. */
  async #attempt(request: RestRequest, pass: Pass, signal: AbortSignal): Promise<Outcome> {
    const { clock, timeoutMs = 10_000, maxBodyBytes = 16 * 1_048_576 } = this.#options;
    let used: number | null = null;
    using stack = new DisposableStack();
    stack.defer(() => {
      this.#queue.leave(pass, used);
    });
    await this.#leaveToConnect(signal);
    const time = stack.use(deadline(clock, timeoutMs, signal));
    try {
      const reply = await httpGet(this.#baseUrl + request.path, {
        agent: this.#agent,
        headers: this.#options.headers?.() ?? {},
        signal: time.signal,
        maxBodyBytes,
      });
      used = wholeNumber(reply.headers[this.#options.usedWeightHeader ?? '']);
      return this.#judge(reply, pass);
    } catch (thrown) {
      signal.throwIfAborted();
      return this.#broken(thrown, time.isOver, request);
    }
  }

  /** Waits until a kept connection is free, or the venue allows a new one. */
  async #leaveToConnect(signal: AbortSignal): Promise<void> {
    const { clock, connections } = this.#options;
    if (connections === undefined) return;
    while (Object.keys(this.#agent.freeSockets).length === 0 && !connections.tryTake()) {
      await sleep(clock, Math.min(connections.delayMs, LOOK_AGAIN_MS), signal);
      signal.throwIfAborted();
    }
  }

  #judge(reply: HttpReply, pass: Pass): Outcome {
    const { status, headers } = reply;
    const { clock, read = (each) => readJson(each), pauseMs = PAUSE_MS } = this.#options;
    const askedMs = retryAfterMs(headers['retry-after'], clock.now());
    if (status === 429 || status === 418) {
      const saidMs = this.#options.askedPauseMs?.(reply.text) ?? null;
      const defaultMs = askedMs === null && saidMs === null ? (status === 429 ? pauseMs : BAN_MS) : 0;
      const durationMs = this.#queue.pause(Math.max(askedMs ?? 0, saidMs ?? 0, defaultMs), pass);
      this.#options.logger.warn({ status, durationMs }, 'venue wants no requests');
      return { kind: 'paused' };
    }
    const lasting = lastingRefusal(status);
    if (lasting !== null) {
      const durationMs = this.#queue.pause(lasting.retryAfterMs, pass, lasting.reason);
      this.#options.logger.warn({ status, durationMs }, 'venue does not serve this location');
      return { kind: 'paused' };
    }
    if (status >= 500 || status === 408) {
      const error = this.#unavailable(`got a fault of the venue's server (HTTP ${status})`);
      return { kind: 'failed', retry: true, retryAfterMs: askedMs ?? 0, error };
    }
    const body = status < 300 || status >= 400 ? read(reply) : undefined;
    if (body === undefined) return this.#senseless(status);
    this.#queue.answered();
    return { kind: 'reply', reply: { status, body } };
  }

  #broken(cause: unknown, late: boolean, request: RestRequest): Outcome {
    if (cause instanceof BodyTooLargeError) return this.#senseless(null, cause);
    const error = this.#unavailable(late ? 'had no answer from its venue in time' : "can't reach its venue", cause);
    // A client that waited for the first answer should not wait for another.
    const retry = !(late && request.patience === 'fail');
    return { kind: 'failed', retry, retryAfterMs: 0, error };
  }

  /**
   * The answer is a page of a firewall or a proxy, a redirect, or half a document. Asking again would bring the same.
   */
  #senseless(status: number | null, cause?: unknown): Outcome {
    const claimsSuccess = status === null || status < 300;
    if (claimsSuccess) this.#options.metrics.invalidMessages.inc({ source: this.#options.name });
    const what = claimsSuccess ? '' : ` (HTTP ${status})`;
    const error = this.#unavailable(`got an invalid answer${what}`, cause);
    return { kind: 'failed', retry: false, retryAfterMs: 0, error };
  }

  #unavailable(what: string, cause?: unknown): GatewayError {
    return new GatewayError('BROKER_UNAVAILABLE', `Broker ${this.#options.name} ${what}.`, { cause });
  }
}

function wholeNumber(header: string | string[] | undefined): number | null {
  return typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : null;
}

export interface ReplyReaderOptions {
  /** The broker's id. */
  readonly name: string;
  readonly metrics: Metrics;
}

/** Validates a venue's answers. An answer with another shape is counted as invalid. */
export class ReplyReader {
  readonly #options: ReplyReaderOptions;

  constructor(options: ReplyReaderOptions) {
    this.#options = options;
  }

  /** Returns the validated body. Throws BROKER_UNAVAILABLE if it has another shape. */
  read<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    throw this.refuse(parsed.error);
  }

  /** Reads one entry of a list; null if it has another shape, and the list is read without it. */
  entry<Schema extends z.ZodType>(schema: Schema, entry: unknown): z.infer<Schema> | null {
    const parsed = schema.safeParse(entry);
    if (parsed.success) return parsed.data;
    this.#count();
    return null;
  }

  /** The error for an answer that contradicts itself or the question, whatever its shape. */
  refuse(cause?: unknown): GatewayError {
    this.#count();
    return this.nonsense(cause);
  }

  /** The same error for an answer in which nothing is malformed. */
  nonsense(cause?: unknown): GatewayError {
    const message = `The venue's answer to broker ${this.#options.name} is invalid.`;
    return new GatewayError('BROKER_UNAVAILABLE', message, { cause });
  }

  #count(): void {
    this.#options.metrics.invalidMessages.inc({ source: this.#options.name });
  }
}
