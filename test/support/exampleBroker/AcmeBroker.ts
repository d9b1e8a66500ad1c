import { InstrumentCatalog } from '../../../src/market/instrument.ts';
import type { CandleDraft, OrderBookDraft, TickDraft } from '../../../src/market/marketData.ts';
import { GatewayError } from '../../../src/shared/errors.ts';
import { ConnectionRelay } from '../../../src/transport/ConnectionRelay.ts';
import { openWebSocket } from '../../../src/transport/WebSocketFeed.ts';
import type { OpenWebSocket, SocketEnd } from '../../../src/transport/WebSocketFeed.ts';
import { RequestQueue } from '../../../src/transport/RequestQueue.ts';
import { ReplyReader, RestClient } from '../../../src/transport/RestClient.ts';
import { SlidingWindow } from '../../../src/transport/SlidingWindow.ts';
import { BaseBroker } from '../../../src/brokers/BaseBroker.ts';
import type { BrokerContext, BrokerTraits, Feed } from '../../../src/brokers/BaseBroker.ts';
import { CatalogKeeper } from '../../../src/brokers/CatalogKeeper.ts';
import { AcmeConnection } from './AcmeConnection.ts';
import { Listing, Quote, toAcmeTick } from './messages.ts';

export interface AcmeBrokerOptions {
  readonly websocketUrl: string;
  readonly restUrl: string;
  /** @default a real WebSocket */
  readonly open?: OpenWebSocket;
}

const ACME_TRAITS: BrokerTraits = {
  kind: 'acme',
  supportedTypes: ['tick'],
  synthetic: false,
  requiresAuthentication: false,
};

/** The example of docs/adding-a-broker.md: a made-up venue that has ticks only. */
export class AcmeBroker extends BaseBroker {
  readonly traits = ACME_TRAITS;
  readonly #options: AcmeBrokerOptions;
  readonly #rest: RestClient;
  readonly #replies: ReplyReader;
  readonly #catalogKeeper: CatalogKeeper;
  readonly #relay: ConnectionRelay<AcmeConnection, SocketEnd>;
  #reported: ReadonlySet<Feed> = new Set();

  constructor(context: BrokerContext, options: AcmeBrokerOptions) {
    super(context);
    this.#options = options;
    const { id, clock, random, logger, metrics, reconnect } = context;
    const queue = new RequestQueue({ clock, random, weightPerMinute: 1_200 });
    this.#replies = new ReplyReader({ name: id, metrics });
    this.#rest = new RestClient({ name: id, baseUrl: options.restUrl, queue, clock, random, logger, metrics });
    this.#catalogKeeper = new CatalogKeeper({
      broker: context,
      fetch: (signal) => this.#fetchCatalog(signal),
      pausedUntilMs: () => queue.pausedUntilMs,
      listener: {
        onCatalog: (catalog) => {
          this.setCatalog(catalog);
          this.#reported = new Set();
          this.reconcile();
        },
        onDelayed: () => {
          this.catalogFailed();
        },
        onState: () => {},
      },
    });
    this.#relay = new ConnectionRelay({
      clock,
      random,
      logger,
      reconnect,
      attempts: new SlidingWindow({ limit: 10, windowMs: 60_000, clock }),
      connect: () => this.#connect(),
      noConnection: { reason: 'No connection was made.', retryAfterMs: 0 },
      listener: {
        onCurrentOpen: () => {
          this.#reportAll();
        },
        onCurrentEnded: (_connection, { reason }) => {
          this.#reported = new Set();
          for (const feed of this.wanted) this.context.sink.onFeed(feed, { kind: 'recovering', reason });
        },
        onSuccessorEnded: () => {},
        onNoConnection: () => {},
        onChange: () => {
          const { state, openConnections } = this.#relay;
          this.countConnections(openConnections);
          this.setStatus(state.kind === 'open' ? { kind: 'connected' } : state);
        },
      },
    });
  }

  start(): void {
    this.#catalogKeeper.start();
    this.#relay.start();
  }

  /** A tick does not depend on earlier ones, so there is nothing to do. */
  resync(): void {}

  async fetchTick(symbol: string): Promise<TickDraft> {
    const path = `/quote?symbol=${encodeURIComponent(symbol)}`;
    const { body } = await this.#rest.get({ path, weight: 1, patience: 'fail' });
    return toAcmeTick(this.#replies.read(Quote, body), this.context.clock.now());
  }

  fetchCandles(): Promise<readonly CandleDraft[]> {
    return Promise.reject(new GatewayError('UNSUPPORTED_TYPE', `Broker ${this.id} has no candles.`));
  }

  fetchOrderBook(): Promise<OrderBookDraft | null> {
    return Promise.resolve(null);
  }

  async close(): Promise<void> {
    await Promise.all([this.#relay.close(), this.#catalogKeeper.close(), this.#rest.close()]);
    this.catalogFailed();
    this.setStatus({ kind: 'closed' });
  }

  protected reconcile(): void {
    this.#relay.current?.want(this.#symbols());
    this.#reportAll();
  }

  #symbols(): readonly string[] {
    return [...new Set([...this.wanted].map(({ symbol }) => symbol))];
  }

  /**
   * While the connection is open, reports feeds that have not been reported yet as live, or as closed if they are not
   * listed.
   */
  #reportAll(): void {
    if (this.#relay.state.kind !== 'open') return;
    for (const feed of this.wanted) {
      if (this.#reported.has(feed)) continue;
      const isListed = this.catalog === null || this.catalog.get(feed.symbol) !== undefined;
      const reason = `The venue does not list ${feed.symbol}.`;
      this.context.sink.onFeed(feed, isListed ? { kind: 'live' } : { kind: 'closed', reason });
    }
    this.#reported = this.wanted;
  }

  #connect(): AcmeConnection {
    const { websocketUrl: url, open = openWebSocket } = this.#options;
    const { id, clock, logger, metrics, sink } = this.context;
    const connection: AcmeConnection = new AcmeConnection({
      url,
      open,
      clock,
      logger,
      onOpen: () => {
        this.#relay.opened(connection);
      },
      onQuote: (quote) => {
        this.#relay.flowing();
        const tick = toAcmeTick(quote, clock.now());
        for (const feed of this.wanted) if (feed.symbol === quote.symbol) sink.onEvent(feed, tick);
      },
      onActivity: () => {
        sink.onActivity();
      },
      onInvalid: () => {
        metrics.invalidMessages.inc({ source: id });
      },
    });
    connection.want(this.#symbols());
    return connection;
  }

  async #fetchCatalog(signal: AbortSignal): Promise<InstrumentCatalog> {
    const { body } = await this.#rest.get({ path: '/instruments', weight: 1, patience: 'wait', signal });
    const { symbols } = this.#replies.read(Listing, body);
    return new InstrumentCatalog(
      symbols.map((symbol) => ({
        symbol,
        displayName: symbol,
        base: null,
        quote: null,
        tickSize: null,
        lotSize: null,
        tradable: true,
      })),
    );
  }
}
