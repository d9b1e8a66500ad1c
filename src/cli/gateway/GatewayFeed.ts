import { MARKET_DATA } from '../../../client/marketDataDocument.ts';
import { enums } from '../../graphql/resolvers/enums.ts';
import type { BrokerCredentials } from '../../market/credentials.ts';
import { isDecimal } from '../../market/decimal.ts';
import type { Instrument } from '../../market/instrument.ts';
import type { BookUpdateKind, CandleInterval, FeedType, MarketData } from '../../market/marketData.ts';
import { Backoff } from '../../shared/backoff.ts';
import type { Clock } from '../../shared/clock.ts';
import { sleep } from '../../shared/clock.ts';
import type { Random } from '../../shared/random.ts';
import { eventOf, isRecord, nameIn } from './eventOf.ts';
import { GatewayClient, GatewayFault } from './GatewayClient.ts';

/** The streams that are wanted of a gateway. */
export interface FeedRequest {
  readonly broker: string;
  readonly symbols: readonly string[];
  /** Null: all that the broker has of the `usual` ones. */
  readonly types: readonly FeedType[] | null;
  readonly usual: readonly FeedType[];
  readonly interval: CandleInterval;
  readonly depth: number;
  readonly book: BookUpdateKind;
}

/** The broker as the gateway describes it, and what is subscribed to. */
export interface FeedDescription {
  readonly broker: { readonly id: string; readonly kind: string; readonly synthetic: boolean };
  readonly instruments: readonly Instrument[];
  readonly types: readonly FeedType[];
}

/** Takes what comes. Nothing is called before `onReached` has returned. */
export interface FeedListener {
  /** The gateway has been reached for the first time. If this rejects, the feed ends with that. */
  onReached(description: FeedDescription): Promise<void>;
  onEvent(event: MarketData): void;
  /** The gateway can't be reached any more, for this reason; it is tried again. */
  onAway(reason: string): void;
  onBack(): void;
}

export interface GatewayFeedOptions {
  readonly url: string;
  readonly token: string | null;
  /** The client's own credentials with the broker; null if there are none. */
  readonly credentials: Partial<BrokerCredentials> | null;
  readonly request: FeedRequest;
  readonly listener: FeedListener;
  readonly clock: Clock;
  readonly random: Random;
}

const BROKERS = `{ brokers { id kind synthetic supportedTypes requiresAuthentication } }`;

/** One page of a broker's instruments that have the text in a name. */
const INSTRUMENTS = `query Instruments($broker: ID!, $search: String!, $after: String) {
  instruments(broker: $broker, search: $search, first: 500, after: $after) {
    pageInfo { hasNextPage endCursor }
    edges { node { symbol displayName base quote tickSize lotSize tradable } }
  }
}`;

const AUTHENTICATE = `mutation Authenticate($broker: ID!, $credentials: BrokerCredentials!) {
  authenticateBroker(broker: $broker, credentials: $credentials) { expiresAt }
}`;

const RECONNECT = { baseMs: 500, maxMs: 10_000 };

/** The events of a few symbols from a running gateway. After a loss it goes on where it was, as far as the gateway can. */
export class GatewayFeed {
  readonly #options: GatewayFeedOptions;
  readonly #backoff: Backoff;
  /** The last cursor of each stream. */
  readonly #cursors = new Map<string, string>();
  #description: FeedDescription | null = null;
  #isAway = false;

  constructor(options: GatewayFeedOptions) {
    this.#options = options;
    this.#backoff = new Backoff({ ...RECONNECT, random: options.random });
  }

  /** Resolves once the signal is aborted. Rejects with a GatewayFault if it is no use to go on. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, listener } = this.#options;
    while (!signal.aborted) {
      const fault = await this.#attempt(signal);
      if (signal.aborted) return;
      if (!fault.isPassing || this.#description === null) throw fault;
      if (!this.#isAway) listener.onAway(fault.message);
      this.#isAway = true;
      await sleep(clock, this.#backoff.next(), signal);
    }
  }

  async #attempt(signal: AbortSignal): Promise<GatewayFault> {
    using client = new GatewayClient(this.#options);
    const stop = (): void => {
      client[Symbol.dispose]();
    };
    signal.addEventListener('abort', stop, { once: true });
    try {
      await this.#authenticate(client);
      const description = this.#description ?? (await this.#describe(client));
      if (signal.aborted) return ENDED;
      if (this.#description === null) await this.#options.listener.onReached(description);
      this.#description = description;
      await this.#subscribe(client, description);
      return ENDED;
    } catch (error) {
      if (error instanceof GatewayFault) return error;
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async #authenticate(client: GatewayClient): Promise<void> {
    const { credentials, request } = this.#options;
    if (credentials === null) return;
    await client.ask(AUTHENTICATE, { broker: request.broker, credentials });
  }

  async #describe(client: GatewayClient): Promise<FeedDescription> {
    const { broker: id, symbols, types, usual } = this.#options.request;
    const { brokers } = await client.ask(BROKERS);
    const known = Array.isArray(brokers) ? brokers.filter(isRecord) : [];
    const broker = known.find((each) => each['id'] === id);
    if (broker === undefined) {
      const ids = known.map((each) => String(each['id'])).join(', ');
      throw new GatewayFault(`There is no broker ${JSON.stringify(id)}; there are: ${ids}.`, false);
    }
    const supported: readonly unknown[] = Array.isArray(broker['supportedTypes']) ? broker['supportedTypes'] : [];
    const instruments: Instrument[] = [];
    for (const symbol of symbols) instruments.push(await findInstrument(client, id, symbol));
    return {
      broker: { id, kind: String(broker['kind']), synthetic: broker['synthetic'] === true },
      instruments,
      types: types ?? usual.filter((type) => supported.includes(nameIn(enums.MarketDataType, type))),
    };
  }

  #subscribe(client: GatewayClient, { types }: FeedDescription): Promise<void> {
    const { broker, symbols, interval, depth, book } = this.#options.request;
    const variables = {
      broker,
      symbols,
      types: [...types, 'status'].map((type) => nameIn(enums.MarketDataType, type)),
      options: { interval: nameIn(enums.CandleInterval, interval), depth, book: nameIn(enums.BookUpdateKind, book) },
      ...(this.#cursors.size === 0 ? {} : { resume: [...this.#cursors.values()] }),
    };
    return client.subscribe(MARKET_DATA, variables, (data) => {
      this.#take(data['marketData']);
    });
  }

  #take(value: unknown): void {
    const { listener } = this.#options;
    const event = eventOf(value);
    if (event === null) return;
    if (this.#isAway) listener.onBack();
    this.#isAway = false;
    this.#backoff.reset();
    // A report on events of the past concerns this connection alone.
    if (event.type === 'status' && event.replay !== null) return;
    this.#cursors.set(JSON.stringify([event.symbol, event.type]), event.cursor);
    listener.onEvent(event);
  }
}

const ENDED = new GatewayFault('The gateway has ended the subscription.', true);

/** The instrument as the gateway describes it. One that it can't describe just now has a symbol alone. */
async function findInstrument(client: GatewayClient, broker: string, symbol: string): Promise<Instrument> {
  let after: unknown = null;
  try {
    for (;;) {
      const { instruments } = await client.ask(INSTRUMENTS, { broker, search: symbol, after });
      if (!isRecord(instruments) || !Array.isArray(instruments['edges'])) break;
      const nodes = instruments['edges'].map((edge: unknown) => (isRecord(edge) ? edge['node'] : null));
      const found = nodes.find((node) => isRecord(node) && node['symbol'] === symbol);
      if (isRecord(found)) return instrumentOf(symbol, found);
      const { pageInfo } = instruments;
      if (!isRecord(pageInfo) || pageInfo['hasNextPage'] !== true) break;
      after = pageInfo['endCursor'];
    }
  } catch (error) {
    // Without it there is still something to see. A gateway that has gone is noticed with the next question.
    if (!(error instanceof GatewayFault)) throw error;
  }
  return instrumentOf(symbol, {});
}

function instrumentOf(symbol: string, fields: Readonly<Record<string, unknown>>): Instrument {
  const text = (name: string): string | null => (typeof fields[name] === 'string' ? fields[name] : null);
  const step = (name: string): Instrument['tickSize'] => {
    const value = text(name);
    return value !== null && isDecimal(value) ? value : null;
  };
  return {
    symbol,
    displayName: text('displayName') ?? symbol,
    base: text('base'),
    quote: text('quote'),
    tickSize: step('tickSize'),
    lotSize: step('lotSize'),
    tradable: fields['tradable'] !== false,
  };
}
