import type { LoginEvidence } from '../core/login/loginEvidence.ts';
import type { Resolution, SubscriptionOptions, SubscriptionRequest, SymbolRejection } from '../core/subscription.ts';
import type { BrokerCredentials } from '../market/credentials.ts';
import type { FeedEvent, FeedStatus, FeedType, MarketData, PriceLevel } from '../market/marketData.ts';
import type { Timestamp } from '../market/timestamp.ts';
import { assertNever } from '../shared/assertNever.ts';
import { GatewayError } from '../shared/errors.ts';
import type { ErrorCode } from '../shared/errors.ts';

/** Echoed in every answer to the message that carried it. */
export type MessageId = string | number;

/** What a client may ask for. How a feed stands (`status`) is always told, and need not be asked for. */
export const RAW_TYPES = ['tick', 'candle', 'orderbook', 'trade'] as const satisfies readonly FeedType[];

/** Nothing in it is repeated, and its symbols are never empty. */
export interface SubscribeMessage extends SubscriptionRequest {
  readonly action: 'subscribe';
  readonly types: readonly FeedType[];
}

/** Whatever is null is not narrowed down: all null is everything. */
export interface UnsubscribeMessage {
  readonly action: 'unsubscribe';
  readonly broker: string | null;
  readonly symbols: readonly string[] | null;
  readonly types: readonly FeedType[] | null;
}

/** `authenticate`, or `auth` with a broker. Secret: not to be kept or logged. */
export interface AuthenticateMessage {
  readonly action: 'authenticate';
  readonly broker: string;
  readonly credentials: BrokerCredentials;
}

/** What a client says who it is with: its login to the gateway, or the token of a session that it had before. */
export type ClientLogin = LoginEvidence | { readonly kind: 'session'; readonly session: string };

/** `auth` without a broker. Secret: not to be kept or logged. */
export interface LogInMessage {
  readonly action: 'logIn';
  readonly login: ClientLogin;
}

export type ClientMessage =
  | SubscribeMessage
  | UnsubscribeMessage
  | AuthenticateMessage
  | LogInMessage
  | { readonly action: 'ping' }
  | { readonly action: 'list' };

/** The outcome for a symbol that was not accepted. */
export interface RejectedSymbol {
  readonly symbol: string;
  readonly code: ErrorCode;
  readonly message: string;
}

/** What is held of one type at one broker under the same options. */
export interface SubscriptionListing {
  readonly broker: string;
  readonly type: FeedType;
  readonly symbols: readonly string[];
  /** Those options that mean something for the type. */
  readonly options: Partial<SubscriptionOptions>;
}

interface Reply {
  readonly type: 'status' | 'error';
  readonly id?: MessageId | undefined;
  readonly broker?: string | undefined;
  readonly message?: string;
}

export interface StatusReply extends Reply {
  readonly type: 'status';
  readonly status: 'connected' | 'authenticated' | 'subscribed' | 'unsubscribed' | 'subscriptions' | 'pong';
  readonly symbols?: readonly string[];
  readonly types?: readonly FeedType[];
  /** Of `subscribed` without `broker`: the symbols went to more than one, and this says which went where. */
  readonly routes?: readonly { readonly symbol: string; readonly broker: string }[] | undefined;
  readonly rejected?: readonly RejectedSymbol[];
  readonly subscriptions?: readonly SubscriptionListing[];
  /** Of `authenticated`: opaque and secret, with which the client may take the session up again. */
  readonly session?: string;
  /** Of `authenticated`: of the session where one is told, else of the login. */
  readonly expiresAt?: Timestamp;
}

/** What an error is about, beside what it says itself. */
export interface ErrorContext {
  readonly id?: MessageId | undefined;
  readonly broker?: string | undefined;
  readonly rejected?: readonly RejectedSymbol[] | undefined;
}

/** The frame of an answer. Members that are undefined are left out. */
export function encodeStatus(reply: StatusReply): string {
  return JSON.stringify(reply);
}

/** The frame of an `error`: code, message, retryable and whatever else the error knows. */
export function encodeError(error: GatewayError, { id, broker, rejected }: ErrorContext = {}): string {
  return JSON.stringify({ type: 'error', id, broker, ...error.toExtensions(), message: error.message, rejected });
}

/** The message of an event, alike for every client: the protocol has no id in it. */
export function encodeEvent(event: MarketData): string {
  return JSON.stringify(event.type === 'status' ? statusFrame(event) : dataFrame(event));
}

/** An event with a hole to tell is told as `gap`; the state it carries is an event without one (`withoutGap`). */
function statusFrame({ state, gap, broker, symbol, reason }: FeedStatus): object {
  const status = gap ? 'gap' : state;
  return { type: 'status', status, broker, symbol, message: reason ?? SENTENCES[status] };
}

const SENTENCES: Record<FeedStatus['state'] | 'gap', string> = {
  live: 'The feed is live.',
  stale: 'Nothing has come from the feed for a while; what was sent may be out of date.',
  recovering: 'The feed is interrupted and being restored; what was sent may no longer hold.',
  closed: 'Nothing more will come of this feed.',
  gap: 'Events of this feed were lost and cannot be had again.',
};

function dataFrame(event: FeedEvent): object {
  return { type: 'data', broker: event.broker, symbol: event.symbol, data: { ...header(event), ...body(event) } };
}

function header({ type, broker, symbol, time, receivedAt, sequence, cursor }: FeedEvent): object {
  return { type, broker, symbol, time, receivedAt, sequence, cursor };
}

/** Field by field: what a client sees is this list, whatever else an event may carry inside the gateway. */
function body(event: FeedEvent): object {
  switch (event.type) {
    case 'tick': {
      const { bid, bidSize, ask, askSize, last, mid, spread } = event;
      return { bid, bidSize, ask, askSize, last, mid, spread };
    }
    case 'trade': {
      const { id, price, size, side } = event;
      return { id, price, size, side };
    }
    case 'candle': {
      const { interval, openTime, closeTime, open, high, low, close, volume, tradeCount, closed } = event;
      return { interval, openTime, closeTime, open, high, low, close, volume, tradeCount, closed };
    }
    case 'orderbook':
      return { kind: event.kind, bids: event.bids.map(pair), asks: event.asks.map(pair) };
    default:
      return assertNever(event);
  }
}

function pair({ price, size }: PriceLevel): readonly [string, string] {
  return [price, size];
}

/** Refusals that are spelled out in an error's message; all of them are in its `rejected`. */
const SPELLED_OUT = 3;

/**
 * The answer to a `subscribe` of which something was accepted. Exactly one of `broker` and `routes` is in it: `routes` where
 * the client named no broker and its symbols went to more than one.
 */
export function describeOutcome({ accepted, rejected }: Resolution, { types }: SubscribeMessage): StatusReply {
  const brokers = new Set(accepted.map((route) => route.broker));
  const [broker] = brokers;
  const refused = rejected.length === 0 ? '' : ` ${rejected.length} rejected.`;
  return {
    type: 'status',
    status: 'subscribed',
    ...(brokers.size === 1
      ? { broker }
      : { routes: accepted.map((route) => ({ symbol: route.symbol, broker: route.broker })) }),
    symbols: accepted.map((route) => route.symbol),
    types,
    rejected: toRejectedSymbols(rejected),
    message: `Subscribed to ${accepted.length} ${accepted.length === 1 ? 'symbol' : 'symbols'}.${refused}`,
  };
}

export function toRejectedSymbols(rejected: readonly SymbolRejection[]): readonly RejectedSymbol[] {
  return rejected.map(({ symbol, error }) => ({ symbol, code: error.code, message: error.message }));
}

/** Nothing was accepted: one error with the code of the first refusal, naming all the symbols refused for that reason. */
export function refusalOfAll(rejected: readonly SymbolRejection[]): GatewayError {
  const [first] = rejected;
  if (first === undefined) return new GatewayError('BAD_REQUEST', 'No symbol was asked for.');
  const { code } = first.error;
  const symbols = rejected.filter(({ error }) => error.code === code).map(({ symbol }) => symbol);
  const reasons = [...new Set(rejected.map(({ error }) => error.message))];
  const more = reasons.length > SPELLED_OUT ? ' …' : '';
  return new GatewayError(code, reasons.slice(0, SPELLED_OUT).join(' ') + more, { symbols });
}
