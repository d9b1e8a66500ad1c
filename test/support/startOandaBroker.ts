import { pino } from 'pino';
import type { Feed } from '../../src/brokers/BaseBroker.ts';
import { OandaBroker } from '../../src/brokers/oanda/OandaBroker.ts';
import { OandaBudgets } from '../../src/brokers/oanda/OandaBudgets.ts';
import type { OandaBrokerOptions } from '../../src/brokers/oanda/OandaBroker.ts';
import type { CandleDraft, OrderBookDraft, TickDraft } from '../../src/market/marketData.ts';
import type { Clock } from '../../src/shared/clock.ts';
import { serializeError } from '../../src/shared/logger.ts';
import { Metrics } from '../../src/shared/metrics.ts';
import { systemRandom } from '../../src/shared/random.ts';
import { DEFAULT_ACCOUNTS } from '../venues/oanda/accounts.ts';
import { StandInOanda } from '../venues/oanda/StandInOanda.ts';
import type { StandInOptions } from '../venues/oanda/StandInOanda.ts';
import { BrokerRecord } from './BrokerRecord.ts';
import { lineSink } from './logLines.ts';
import { SkippableClock } from './SkippableClock.ts';
import { waitFor } from './waitFor.ts';

export const [ACCOUNT, OTHER_ACCOUNT] = DEFAULT_ACCOUNTS;

/** Starts a real broker and its stand-in venue, over real sockets. On disposal neither is left. */
export async function startOandaBroker(
  wanted: readonly Feed[],
  options: {
    venue?: Partial<StandInOptions>;
    /** Used instead of starting one. */
    standIn?: StandInOanda;
    broker?: Partial<OandaBrokerOptions>;
    account?: { readonly id: string; readonly token: string };
    /** The broker's clock. @default one that hurries while a test waits for the broker, shared with the venue */
    clock?: Clock;
    /** Runs with the venue before the broker starts. */
    before?: (venue: StandInOanda) => void;
  } = {},
) {
  await using stack = new AsyncDisposableStack();
  const shared = new SkippableClock();
  const { account = ACCOUNT, clock = shared } = options;
  const own = { heartbeatMs: 100, ...(clock === shared ? { clock } : {}), ...options.venue };
  const venue = options.standIn ?? stack.use(await StandInOanda.start(own));
  const isHurried = clock === shared && options.standIn === undefined;
  const wait = <T>(probe: () => T | undefined | null | false, what: string): Promise<T> =>
    isHurried ? shared.hurryUntil(probe, what) : waitFor(probe, what);
  options.before?.(venue);
  const record = new BrokerRecord();
  const log: string[] = [];
  const metrics = new Metrics();
  const budgets = options.broker?.budgets ?? new OandaBudgets({ clock });
  const broker = new OandaBroker(
    {
      id: 'oanda',
      clock,
      random: systemRandom,
      logger: pino({ level: 'trace', serializers: { err: serializeError } }, lineSink(log)),
      metrics,
      staleAfterMs: 10_000,
      reconnect: { baseMs: 50, maxMs: 500 },
      sink: record.sink,
    },
    {
      environment: 'practice',
      restUrl: venue.restUrl,
      streamUrl: venue.streamUrl,
      requiresAuthentication: true,
      credentials: { use: (task) => task({ token: account.token, accountId: account.id }) },
      ...options.broker,
      budgets,
    },
  );
  stack.use(broker);
  broker.setWanted(new Set(wanted));
  broker.start();
  const { reports, statuses, events, conditions, state, gaps } = record;
  const owned = stack.move();
  return {
    /** The clock of the broker and its venue, unless a test has brought another. */
    clock: shared,
    venue,
    broker,
    budgets,
    metrics,
    reports,
    statuses,
    log,
    events,
    conditions,
    state,
    want: (...feeds: Feed[]) => {
      broker.setWanted(new Set(feeds));
    },
    ticks: (feed: Feed) => events(feed).filter((event): event is TickDraft => event.type === 'tick'),
    books: (feed: Feed) => events(feed).filter((event): event is OrderBookDraft => event.type === 'orderbook'),
    candles: (feed: Feed) => events(feed).filter((event): event is CandleDraft => event.type === 'candle'),
    gaps,
    waitForState: (kind: string, ...feeds: Feed[]) =>
      wait(() => feeds.every((feed) => state(feed) === kind), `${kind} feeds`),
    waitForTicks: (feed: Feed, count: number) =>
      wait(() => events(feed).length >= count, `${count} ticks of ${feed.symbol}`),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
