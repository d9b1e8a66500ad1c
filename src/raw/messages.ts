import type { LoginEvidence } from '../core/login/loginEvidence.ts';
import type { SubscriptionOptions, SubscriptionRequest } from '../core/subscription.ts';
import type { BrokerCredentials } from '../market/credentials.ts';
import type { FeedType } from '../market/marketData.ts';
import type { Timestamp } from '../market/timestamp.ts';
import type { ErrorCode, GatewayError } from '../shared/errors.ts';

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
