import type { LoginEvidence } from '../core/login/loginEvidence.ts';
import type { Resolution, SubscriptionOptions, SubscriptionRequest, SymbolRejection } from '../core/subscription.ts';
import type { BrokerCredentials } from '../market/credentials.ts';
import type { FeedEvent, FeedStatus, FeedType, MarketData, PriceLevel } from '../market/marketData.ts';
import type { Timestamp } from '../market/timestamp.ts';
import { assertNever, GatewayError } from '../shared/errors.ts';
import type { ErrorCode } from '../shared/errors.ts';

/** Echoed in every answer to the message that carried it. */
export type MessageId = string | number;

/** The types that a client may ask for. The status of feeds is always sent. */
export const RAW_TYPES = ['tick', 'candle', 'orderbook', 'trade'] as const satisfies readonly FeedType[];

/** Symbols and types have no duplicates, and symbols are never empty. */
export interface SubscribeMessage extends SubscriptionRequest {
  readonly action: 'subscribe';
  readonly types: readonly FeedType[];
}

/** Null means no restriction: with all members null, everything. */
export interface UnsubscribeMessage {
  readonly action: 'unsubscribe';
  readonly broker: string | null;
  readonly symbols: readonly string[] | null;
  readonly types: readonly FeedType[] | null;
}

/** `authenticate`, or `auth` with a broker. Secret: must not be kept or logged. */
export interface AuthenticateMessage {
  readonly action: 'authenticate';
  readonly broker: string;
  readonly credentials: BrokerCredentials;
}

/** The client's login to the gateway, or the token of a session that it had before. */
export type ClientLogin = LoginEvidence | { readonly kind: 'session'; readonly session: string };

/** `auth` without a broker. Secret: must not be kept or logged. */
export interface LogInMessage {
  readonly action: 'logIn';
  readonly login: ClientLogin;
}

/** Any message of a client, by its action. */
export type ClientMessage =
  | SubscribeMessage
  | UnsubscribeMessage
  | AuthenticateMessage
  | LogInMessage
  | { readonly action: 'ping' }
  | { readonly action: 'list' };

/** Why a symbol was not accepted. */
export interface RejectedSymbol {
  readonly symbol: string;
  readonly code: ErrorCode;
  readonly message: string;
}

/** The symbols that are subscribed with one type at one broker under the same options. */
export interface SubscriptionListing {
  readonly broker: string;
  readonly type: FeedType;
  readonly symbols: readonly string[];
  /** The options that mean something for the type. */
  readonly options: Partial<SubscriptionOptions>;
}

interface Reply {
  readonly type: 'status' | 'error';
  readonly id?: MessageId | undefined;
  readonly broker?: string | undefined;
  readonly message?: string;
}

/** A `status` message that answers a client's message. */
export interface StatusReply extends Reply {
  readonly type: 'status';
  readonly status: 'connected' | 'authenticated' | 'subscribed' | 'unsubscribed' | 'subscriptions' | 'pong';
  readonly symbols?: readonly string[];
  readonly types?: readonly FeedType[];
  /** In `subscribed`: the data is made up. */
  readonly synthetic?: boolean;
  /** In `subscribed` without `broker`: the symbols went to several brokers, and this is the broker of each. */
  readonly routes?: readonly { readonly symbol: string; readonly broker: string }[] | undefined;
  readonly rejected?: readonly RejectedSymbol[];
  readonly subscriptions?: readonly SubscriptionListing[];
  /** In `authenticated`: the secret token with which the client may resume its session. */
  readonly session?: string;
  /** In `authenticated`: the end of the session if there is one, otherwise of the login. */
  readonly expiresAt?: Timestamp;
}

/** An error refers to these. */
export interface ErrorContext {
  readonly id?: MessageId | undefined;
  readonly broker?: string | undefined;
  readonly rejected?: readonly RejectedSymbol[] | undefined;
}

/** The text of an answer. Members that are undefined are left out. */
export function encodeStatus(reply: StatusReply): string {
  return JSON.stringify(reply);
}

/** The text of an `error`: its code, message, retryable and details. */
export function encodeError(error: GatewayError, { id, broker, rejected }: ErrorContext = {}): string {
  return JSON.stringify({ type: 'error', id, broker, ...error.toExtensions(), message: error.message, rejected });
}

/** The text of an event, which is the same for every client: the protocol has no ids in events. */
export function encodeEvent(event: MarketData): string {
  return JSON.stringify(event.type === 'status' ? statusFrame(event) : dataFrame(event));
}

/** A status with a gap is sent as `gap`, without its state. SubscribedSymbol sends the state separately. */
function statusFrame({ state, gap, replay, broker, symbol, reason }: FeedStatus): object {
  const status = replay !== null ? 'replay' : gap !== null ? 'gap' : state;
  const message = reason ?? SENTENCES[status];
  return { type: 'status', status, broker, symbol, message, gap: gap ?? undefined, replay: replay ?? undefined };
}

const SENTENCES: Record<FeedStatus['state'] | 'gap' | 'replay', string> = {
  live: 'The feed is live.',
  stale: 'Nothing has come from the feed for a while; what was sent may be out of date.',
  recovering: 'The feed is interrupted and being restored; what was sent may no longer hold.',
  closed: 'Nothing more will come of this feed.',
  gap: 'Events of this feed were lost and cannot be had again.',
  replay: 'Events of the past come first.',
};

function dataFrame(event: FeedEvent): object {
  return { type: 'data', broker: event.broker, symbol: event.symbol, data: encodable(event) };
}

/** The `data` of a message. */
export function encodable(event: FeedEvent): object {
  return { ...header(event), ...body(event) };
}

function header({ type, broker, symbol, time, receivedAt, sequence, cursor }: FeedEvent): object {
  return { type, broker, symbol, time, receivedAt, sequence, cursor };
}

/** Members are listed one by one, so that clients see exactly these, whatever an event carries inside the gateway. */
function body(event: FeedEvent): object {
  switch (event.type) {
    case 'tick': {
      const { bid, bidSize, ask, askSize, last, mid, spread } = event;
      return { bid, bidSize, ask, askSize, last, mid, spread };
    }
    case 'trade': {
      const { tradeId, price, size, side, backfilled } = event;
      return { tradeId, price, size, side, backfilled };
    }
    case 'candle': {
      const { interval, openTime, closeTime, open, high, low, close, volume, tradeCount, closed, backfilled } = event;
      return { interval, openTime, closeTime, open, high, low, close, volume, tradeCount, closed, backfilled };
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

/** An error's message spells out this many refusals; all of them are in `rejected`. */
const SPELLED_OUT = 3;

/**
 * The answer to a `subscribe` that was accepted at least in part. It has either `broker`, or `routes` if the client
 * named no broker and its symbols went to several. `isSynthetic` says of a broker whether its data is made up.
 */
export function describeOutcome(
  { accepted, rejected }: Resolution,
  { types }: SubscribeMessage,
  isSynthetic: (broker: string) => boolean,
): StatusReply {
  const brokers = new Set(accepted.map((route) => route.broker));
  const [broker] = brokers;
  const refused = rejected.length === 0 ? '' : ` ${rejected.length} rejected.`;
  return {
    type: 'status',
    status: 'subscribed',
    ...(brokers.size === 1
      ? { broker }
      : { routes: accepted.map((route) => ({ symbol: route.symbol, broker: route.broker })) }),
    synthetic: [...brokers].some(isSynthetic),
    symbols: accepted.map((route) => route.symbol),
    types,
    rejected: toRejectedSymbols(rejected),
    message: `Subscribed to ${accepted.length} ${accepted.length === 1 ? 'symbol' : 'symbols'}.${refused}`,
  };
}

/** Rejections in their wire format. */
export function toRejectedSymbols(rejected: readonly SymbolRejection[]): readonly RejectedSymbol[] {
  return rejected.map(({ symbol, error }) => ({ symbol, code: error.code, message: error.message }));
}

/**
 * The error if no symbol was accepted: the code of the first refusal, with all symbols that were refused for that
 * reason.
 */
export function refusalOfAll(rejected: readonly SymbolRejection[]): GatewayError {
  const [first] = rejected;
  if (first === undefined) return new GatewayError('BAD_REQUEST', 'No symbol was asked for.');
  const { code } = first.error;
  const symbols = rejected.filter(({ error }) => error.code === code).map(({ symbol }) => symbol);
  const reasons = [...new Set(rejected.map(({ error }) => error.message))];
  const more = reasons.length > SPELLED_OUT ? ' …' : '';
  return new GatewayError(code, reasons.slice(0, SPELLED_OUT).join(' ') + more, { symbols });
}
