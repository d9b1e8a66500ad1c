import { RedisBus } from '../../src/bus/redis/RedisBus.ts';
import type { Channel } from '../../src/bus/EventBus.ts';
import { MemoryBus } from '../../src/bus/MemoryBus.ts';
import { cursorPrefix, formatCursor, streamMark } from '../../src/market/cursor.ts';
import { decimal } from '../../src/market/decimal.ts';
import { SHARED, streamKey } from '../../src/market/marketData.ts';
import type { StreamAddress, Tick, Trade } from '../../src/market/marketData.ts';
import { fromEpochMs } from '../../src/market/timestamp.ts';
import { systemClock } from '../../src/shared/clock.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { Metrics } from '../../src/shared/metrics.ts';
import { systemRandom } from '../../src/shared/random.ts';

// One gateway's bus in a process of its own: it publishes at a steady rate, or follows everything and notes how late it comes.

interface Wish {
  readonly role: 'leader' | 'follower' | 'alone';
  readonly url: string;
  readonly symbols: number;
  /** Of the leader, over all streams. */
  readonly eventsPerSecond: number;
  readonly batching: { readonly windowMs: number; readonly events: number };
}

const EPOCH = 'abcdefghijkl';
const STEP_MS = 5;
const wish = JSON.parse(process.argv[2] ?? '{}') as Wish;
const latencies: number[] = [];
let events = 0;

const addresses: StreamAddress[] = Array.from({ length: wish.symbols }, (_, n) => ({
  scope: SHARED,
  broker: 'bench',
  symbol: `S${n}`,
  type: n % 2 === 0 ? 'tick' : 'trade',
  interval: null,
}));

const bus =
  wish.role === 'alone'
    ? new MemoryBus()
    : new RedisBus({
        ...wish,
        prefix: 'bench',
        onLoss: 'stale',
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger(),
        metrics: new Metrics(),
      });
bus.subscribe({
  known: () => [],
  receive: () => ({
    publish: (event) => {
      events += 1;
      if (event.type === 'trade') latencies.push(microseconds() - Number(event.tradeId));
    },
    reset: () => undefined,
    [Symbol.dispose]: () => undefined,
  }),
});
if (bus instanceof RedisBus) bus.start();

const member = { lead: () => undefined, follow: () => undefined, serve: () => undefined };
const seat = bus.fleet?.join('bench', member);
if (wish.role === 'follower') for (const address of addresses) seat?.follow(streamKey(address), false);
else {
  if (seat !== undefined) seat.canLead = true;
  publish();
}

process.on('message', () => {
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
  process.send?.({ events, p50: at(0.5), p99: at(0.99) });
  latencies.length = 0;
});

/** All processes of a machine share this clock. */
function microseconds(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

function publish(): void {
  const streams = addresses.map((address) => {
    const channel: Channel = bus.open(streamKey(address), { epoch: EPOCH, sequence: 0 });
    return { address, channel, prefix: cursorPrefix(streamMark(address), EPOCH), sequence: 0 };
  });
  let owed = 0;
  let at = 0;
  let lastMs = performance.now();
  setInterval(() => {
    const now = performance.now();
    owed += ((now - lastMs) * wish.eventsPerSecond) / 1_000;
    lastMs = now;
    for (; owed >= 1; owed -= 1) {
      const stream = streams[at % streams.length];
      at += 1;
      if (stream === undefined) continue;
      stream.sequence += 1;
      const { address, channel, prefix, sequence } = stream;
      channel.publish(eventOf(address, sequence, formatCursor(prefix, sequence)));
    }
  }, STEP_MS);
}

function eventOf({ broker, symbol, type }: StreamAddress, sequence: number, cursor: string): Tick | Trade {
  const time = fromEpochMs(Date.now());
  const header = { broker, symbol, time, receivedAt: time, sequence, cursor };
  const price = decimal('43250.10');
  if (type === 'trade') {
    const tradeId = String(microseconds());
    return { type, ...header, tradeId, price, size: decimal('0.5'), side: 'buy', backfilled: false };
  }
  const sizes = { bidSize: decimal('1.5'), askSize: decimal('2.25') };
  return { type: 'tick', ...header, ...sizes, bid: price, ask: price, last: null, mid: price, spread: decimal('0') };
}
