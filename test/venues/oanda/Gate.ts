import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../../src/shared/clock.ts';
import type { AccountTable } from './accounts.ts';
import type { TimeFormat } from './time.ts';
import { forbidden, invalid, limited, notTradable, unauthorized, VenueError } from './VenueError.ts';

export interface Limits {
  /** The number of REST requests in a rolling second. */
  readonly requestsPerSecond: number;
  /** The number of connections whose first request comes in a rolling second. */
  readonly connectionsPerSecond: number;
  /** The number of streams that are open at the same time. */
  readonly streams: number;
  /** The number of candles in one answer, or of slots in one range. */
  readonly candles: number;
  /** What requests, connections and streams are counted by: both have been documented. */
  readonly countBy: 'token' | 'address';
  /** The status for a stream over the limit, which is not documented. */
  readonly streamStatus: number;
}

export const DEFAULT_LIMITS: Limits = {
  requestsPerSecond: 120,
  connectionsPerSecond: 2,
  streams: 20,
  candles: 5000,
  countBy: 'token',
  streamStatus: 429,
};

export interface GateOptions {
  readonly accounts: AccountTable;
  readonly limits: Limits;
  readonly clock: Clock;
  /** The status for a well-formed account that the token may not use. */
  readonly foreignAccountStatus: 401 | 403;
  /** The number of open streams of a token; null for those of everybody. */
  readonly openStreams: (token: string | null) => number;
}

export interface Admission {
  readonly token: string;
  readonly timeFormat: TimeFormat;
}

const WINDOW_MS = 1000;

/**
 * Decides who is let in, by token, connections and requests in a second, and account. Each check throws a VenueError.
 */
export class Gate {
  readonly #options: GateOptions;
  readonly #counted = new WeakSet<Socket>();
  readonly #recent = new Map<string, number[]>();

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /**
   * Checks method, token, connection, account, and the header for times, in this order. `accountId` is null if the path
   * has none.
   */
  admit(request: IncomingMessage, response: ServerResponse, accountId: string | null): Admission {
    if (request.method !== 'GET') throw new VenueError(405, '');
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined || !this.#options.accounts.knows(token)) throw unauthorized();
    this.#admitConnection(request, response, token);
    if (accountId !== null) this.#checkAccount(token, accountId);
    return { token, timeFormat: timeFormatOf(request) };
  }

  countRequest(request: IncomingMessage, token: string): void {
    const { requestsPerSecond } = this.#options.limits;
    if (!this.#take(`request ${this.#whose(request, token)}`, requestsPerSecond)) throw limited();
  }

  checkStreams(token: string): void {
    const { limits, openStreams } = this.#options;
    if (openStreams(limits.countBy === 'token' ? token : null) >= limits.streams) throw limited(limits.streamStatus);
  }

  #admitConnection(request: IncomingMessage, response: ServerResponse, token: string): void {
    if (this.#counted.has(request.socket)) return;
    const { connectionsPerSecond } = this.#options.limits;
    if (!this.#take(`connection ${this.#whose(request, token)}`, connectionsPerSecond)) {
      response.setHeader('connection', 'close');
      throw limited();
    }
    this.#counted.add(request.socket);
  }

  #checkAccount(token: string, accountId: string): void {
    const { accounts, foreignAccountStatus } = this.#options;
    const standing = accounts.standing(token, accountId);
    if (standing === 'malformed') throw invalid('accountID');
    if (standing === 'foreign') throw forbidden(foreignAccountStatus);
    if (standing === 'not-tradable') throw notTradable();
  }

  #whose(request: IncomingMessage, token: string): string {
    return this.#options.limits.countBy === 'token' ? token : (request.socket.remoteAddress ?? '');
  }

  /** Returns false over the limit in a rolling second; refused ones are not counted. */
  #take(key: string, limit: number): boolean {
    const now = this.#options.clock.monotonic();
    const recent = (this.#recent.get(key) ?? []).filter((at) => now - at < WINDOW_MS);
    this.#recent.set(key, recent);
    if (recent.length >= limit) return false;
    recent.push(now);
    return true;
  }
}

function timeFormatOf(request: IncomingMessage): TimeFormat {
  const asked = request.headers['accept-datetime-format'] ?? 'RFC3339';
  if (asked !== 'RFC3339' && asked !== 'UNIX') throw invalid('Accept-Datetime-Format');
  return asked;
}
