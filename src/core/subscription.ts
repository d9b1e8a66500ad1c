import type { Subscriber } from '../fanout/routing/Topic.ts';
import type { SymbolReplay } from './replay/SymbolReplay.ts';
import type { Asker } from '../shared/FairQueue.ts';
import type { BookUpdateKind, CandleInterval, MarketDataType, Scope } from '../market/marketData.ts';
import { NO_EPOCH, parseCursor } from '../market/cursor.ts';
import type { Cursor } from '../market/cursor.ts';
import { GatewayError } from '../shared/errors.ts';

/** A client may choose these for its subscription; they are the `options` of both protocols. */
export interface SubscriptionOptions {
  /** The interval of candles. */
  readonly interval: CandleInterval;
  /** Levels on each side of an order book, 1 to 1000. */
  readonly depth: number;
  readonly book: BookUpdateKind;
  /** At most one event in this many milliseconds for each stream, always the latest; 0 for every event. */
  readonly throttleMs: number;
  /** Begin with the last known tick, candle and book. */
  readonly snapshot: boolean;
  /** Begin with so many closed candles and trades, 0 to 1000. */
  readonly history: number;
}

/** The options of a subscription that names none. */
export const DEFAULT_OPTIONS: SubscriptionOptions = {
  interval: '1m',
  depth: 20,
  book: 'snapshot',
  throttleMs: 0,
  snapshot: true,
  history: 0,
};

/** A client wants to subscribe to this. */
export interface SubscriptionRequest {
  /** Null: each symbol goes to the one enabled broker that lists it. */
  readonly broker: string | null;
  readonly symbols: readonly string[];
  readonly types: readonly MarketDataType[];
  readonly options: SubscriptionOptions;
  /** The last cursor of each stream that the client goes on with; null if it does not ask for that. */
  readonly resume: readonly Cursor[] | null;
}

/** One for each stream that a subscription can have. */
const MAX_CURSORS = 2_000;

/** Reads the cursors that a client goes on from. Throws BAD_REQUEST if one of them is none. */
export function readCursors(texts: readonly string[] | null): readonly Cursor[] | null {
  if (texts === null) return null;
  if (texts.length > MAX_CURSORS) {
    throw new GatewayError('LIMIT_EXCEEDED', `resume: ${texts.length} cursors were given; ${MAX_CURSORS} at most.`);
  }
  const cursors = texts.map((text) => {
    const cursor = parseCursor(text);
    if (cursor === null) throw new GatewayError('BAD_REQUEST', 'resume: expected cursors of earlier events.');
    return cursor;
  });
  return cursors.filter(({ epoch }) => epoch !== NO_EPOCH);
}

/** The broker and the scope that serve a symbol. */
export interface SymbolRoute {
  readonly broker: string;
  readonly symbol: string;
  readonly scope: Scope;
}

/** The brokers that a client has given credentials for. */
export interface BrokerAccess {
  /** Null if the client gave none. */
  scopeOf(broker: string): Scope | null;
  /** Calls the listener for every change until disposed of. */
  watch(listener: (broker: string, scope: Scope | null) => void): Disposable;
}

/** A symbol that can't be subscribed to, and why. */
export interface SymbolRejection {
  readonly symbol: string;
  readonly error: GatewayError;
}

/** The outcome of routing the symbols of a request. */
export interface Resolution {
  readonly accepted: readonly SymbolRoute[];
  readonly rejected: readonly SymbolRejection[];
}

/** The access of a client without credentials. */
export const NO_ACCESS: BrokerAccess = {
  scopeOf: () => null,
  watch: () => ({ [Symbol.dispose]: () => undefined }),
};

/** A subscription that is to be opened. */
export interface SubscriptionOpening {
  /** From `Subscriptions.resolve`. */
  readonly routes: readonly SymbolRoute[];
  readonly request: SubscriptionRequest;
  readonly access: BrokerAccess;
  /** The party that the subscription's work is done for. */
  readonly asker: Asker;
  readonly subscriber: Subscriber;
  /** Brings the past of several subscriptions to one symbol together. @default of this subscription alone */
  readonly replayOf?: (route: SymbolRoute) => SymbolReplay;
}
