import type { BrokerSink, Feed } from '../../src/brokers/BaseBroker.ts';
import { BinanceSocket } from '../../src/brokers/binance/BinanceSocket.ts';
import type { MarketStream } from '../../src/brokers/binance/MarketStream.ts';
import type { StreamContext } from '../../src/brokers/binance/StreamContext.ts';
import { memoizedStamp } from '../../src/market/timestamp.ts';
import { TradeStream } from '../../src/brokers/binance/TradeStream.ts';
import { systemClock } from '../../src/shared/clock.ts';
import { GatewayError } from '../../src/shared/errors.ts';
import { seededRandom } from '../../src/shared/random.ts';
import type { OpenWebSocket, SocketListener } from '../../src/transport/WebSocketFeed.ts';
import { SlidingWindow } from '../../src/transport/SlidingWindow.ts';
import { brokerContext } from '../../test/support/ScriptedBroker.ts';

const FRAMES = 5_000;
/** The ids of trades rise from here. */
export const FIRST_ID = 6_720_857_582;
const DAY_MS = 86_400_000;

/** A connection to Binance with nothing behind it but the frames of one busy market. */
export class TradePlayer {
  readonly #feed: Feed;
  readonly #context: StreamContext;
  readonly #socket: BinanceSocket;
  readonly #listener: SocketListener;
  #frames: readonly string[] = [];
  #nextId = FIRST_ID;
  #stream: MarketStream | null = null;

  private constructor(feed: Feed, context: StreamContext, { socket, listener }: Connected) {
    this.#feed = feed;
    this.#context = context;
    this.#socket = socket;
    this.#listener = listener;
  }

  static async open(sink: BrokerSink, feed: Feed): Promise<TradePlayer> {
    const context = streamContext(sink);
    return new TradePlayer(feed, context, await connect(context));
  }

  get length(): number {
    return FRAMES;
  }

  /** Makes the next trades, for a new stream. */
  rewind(): void {
    this.#frames = tradeFrames(this.#feed.symbol, this.#nextId);
    this.#nextId += FRAMES;
    if (this.#stream !== null) {
      this.#socket.remove(this.#stream);
      this.#stream[Symbol.dispose]();
    }
    const { symbol } = this.#feed;
    const name = `${symbol.toLowerCase()}@trade`;
    this.#stream = new TradeStream({ name, symbol, context: this.#context, mode: 'individual' });
    this.#stream.setFeeds(new Set([this.#feed]));
    this.#socket.add(this.#stream);
  }

  play(): void {
    for (const frame of this.#frames) this.#listener.onText(frame);
  }

  close(): Promise<void> {
    return this.#socket.close();
  }
}

interface Connected {
  readonly socket: BinanceSocket;
  readonly listener: SocketListener;
}

async function connect({ broker }: StreamContext): Promise<Connected> {
  const { promise: listener, resolve } = Promise.withResolvers<SocketListener>();
  const open: OpenWebSocket = (_url, opened) => {
    setImmediate(() => {
      opened.onOpen();
      resolve(opened);
    });
    const terminate = (): void => {
      setImmediate(() => {
        opened.onEnd({ reason: 'terminated', retryAfterMs: 0 });
      });
    };
    return { send: () => undefined, terminate };
  };
  const socket = new BinanceSocket({
    broker,
    url: 'ws://venue',
    open,
    attempts: new SlidingWindow({ limit: 300, windowMs: 300_000, clock: systemClock }),
    lifetimeMs: DAY_MS,
    onChange: () => undefined,
    isCarriedElsewhere: () => false,
  });
  socket.start();
  return { socket, listener: await listener };
}

function streamContext(sink: BrokerSink): StreamContext {
  const broker = brokerContext('binance', sink);
  const absent = (): Promise<never> => Promise.reject(new GatewayError('BROKER_UNAVAILABLE', 'There is no venue.'));
  return {
    broker,
    history: {
      fetchDepth: absent,
      fetchCandles: absent,
      fetchTradesSince: absent,
      fetchTick: absent,
      fetchBookId: absent,
      fetchLastTradeMs: absent,
      fetchTime: absent,
    },
    bookLevels: 1_000,
    venueClock: { offsetMs: null },
    stamp: memoizedStamp(),
    latency: broker.metrics.venueLatency.labels({ broker: broker.id }),
  };
}

function tradeFrames(symbol: string, firstId: number): readonly string[] {
  const random = seededRandom(1);
  const startMs = Date.now();
  let cents = 8_303_429;
  return Array.from({ length: FRAMES }, (_, index) => {
    cents += Math.floor(random() * 21) - 10;
    const tradedAt = startMs + Math.floor(index / 20);
    const price = `${(cents / 100).toFixed(2)}000000`;
    const size = `${(random() * 2 + 0.001).toFixed(5)}000`;
    const head = `"e":"trade","E":${tradedAt + 1},"s":"${symbol}","t":${firstId + index}`;
    const rest = `"p":"${price}","q":"${size}","T":${tradedAt},"m":${random() < 0.5},"M":true`;
    // The text goes through bytes, as from a socket, so that it is one piece.
    return Buffer.from(`{"stream":"${symbol.toLowerCase()}@trade","data":{${head},${rest}}}`).toString();
  });
}
