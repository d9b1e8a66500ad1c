import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { consecutive, ExampleMarket, tradesOverCuts } from '../../support/ExampleMarket.ts';
import { GatewayProcess } from '../../support/GatewayProcess.ts';
import { RawClient } from '../../support/RawClient.ts';
import { waitFor } from '../../support/waitFor.ts';

type Level = readonly [price: string, size: string];
interface BookEvent {
  readonly type: string;
  readonly sequence: number;
  readonly kind: string;
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
}
interface Message {
  readonly type: string;
  readonly status?: string;
  readonly data: BookEvent;
}
interface Handlers {
  onMessage(message: Message): void;
  onConnection(isOpen: boolean): void;
  onEnd(reason: string): void;
}
/** The exports of the example's files. They are plain JavaScript. */
interface Example {
  readonly Book: new () => Omit<BookEvent, 'type' | 'sequence' | 'kind'> & { take(event: BookEvent): void };
  readonly Feed: new (url: string, request: object, handlers: Handlers) => { close(): void };
}

const folder = fileURLToPath(new URL('../../../examples/raw-socket/', import.meta.url));
const files = await Promise.all(['Book.js', 'Feed.js'].map((file) => import(pathToFileURL(folder + file).href)));
const { Book, Feed } = Object.assign({}, ...files) as Example;

describe('The example with the raw protocol', () => {
  it('prints each trade exactly once, however often its connection breaks', { timeout: 60_000 }, async () => {
    await using market = await ExampleMarket.open();
    await using program = start(market);
    const ids = await tradesOverCuts(program, market, () => tradesOf(program.out));
    expect(ids).toEqual(consecutive(ids));
    await waitFor(() => /^best bid \d+\.\d\d × \S+, best ask \d+\.\d\d × \S+$/m.test(program.out), 'the book');
    expect(program.err).toContain('the connection is lost');
    program.kill('SIGINT');
    expect(await program.exited()).toBe(0);
  });

  it('says which trades are lost for good', async () => {
    await using market = await ExampleMarket.open([{ kind: 'gap', afterMs: 1_500, everyMs: 3_000, forMs: 500 }]);
    await using program = start(market);
    await waitFor(() => /^BTCUSDT has lost events \(trade\) from \S+Z to \S+Z/m.test(program.out), 'the gap');
  });

  it('keeps a book from deltas that is the gateway’s own at each of its events, also after a break', async () => {
    await using market = await ExampleMarket.open();
    await using witness = await RawClient.connect(market.gatewayUrl);
    const request = { broker: 'mock-binance', symbols: ['BTCUSDT'], types: ['orderbook'] };
    await witness.ask({ action: 'subscribe', ...request, options: { depth: 5 } });
    const own = new Book();
    const kept = new Map<number, Pick<BookEvent, 'bids' | 'asks'>>();
    const kinds: string[] = [];
    const feed = new Feed(
      market.url('/ws'),
      { ...request, options: { depth: 5, book: 'delta' } },
      {
        onMessage: ({ type, data }) => {
          if (type !== 'data') return;
          own.take(data);
          kinds.push(data.kind);
          kept.set(data.sequence, { bids: own.bids, asks: own.asks });
        },
        onConnection: () => undefined,
        onEnd: (reason) => expect.fail(reason),
      },
    );
    await waitFor(() => kinds.length > 20, 'deltas');
    market.network.cut();
    await waitFor(() => kinds.filter((kind) => kind === 'snapshot').length > 1 && kinds.at(-1) === 'delta', 'more');
    feed.close();
    const [newest = 0] = [...kept.keys()].toSorted((one, other) => other - one);
    const books = await waitFor(() => {
      const all = witness.data('orderbook').map(({ sequence, bids, asks }) => [sequence, { bids, asks }] as const);
      return all.some(([sequence]) => sequence === newest) && all;
    }, 'the same books at the witness');
    const shared = books.filter(([sequence]) => kept.has(Number(sequence)));
    expect(shared.length).toBeGreaterThan(15);
    for (const [sequence, book] of shared) expect(kept.get(Number(sequence))).toEqual(book);
  });

  it('gives up, with the reason, if the gateway refuses what it asks for', async () => {
    await using market = await ExampleMarket.open();
    const { promise, resolve } = Promise.withResolvers<string>();
    const handlers = { onMessage: () => undefined, onConnection: () => undefined, onEnd: resolve };
    const feed = new Feed(market.url('/ws'), { broker: 'mock-binance', symbols: ['NOSUCH'] }, handlers);
    expect(await promise).toContain('NOSUCH');
    feed.close();
  });
});

function start(market: ExampleMarket): GatewayProcess {
  return new GatewayProcess({ args: ['main.js', market.url('/ws')], cwd: folder, env: {} });
}

function tradesOf(out: string): number[] {
  return [...out.matchAll(/^\S+Z BTCUSDT (\d+) (?:buy|sell) \d+\.\d+ at \d+\.\d+$/gm)].map(([, id]) => Number(id));
}
