import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { Seen, SeenData } from '../../bench/soak/clients/events.ts';
import type { Observation } from '../../bench/soak/clients/SoakClient.ts';
import type { Wish } from '../../bench/soak/clients/wishes.ts';
import { Auditor } from '../../bench/soak/oracle/Auditor.ts';
import { BrokerHistory } from '../../bench/soak/oracle/BrokerHistory.ts';
import { Oracle } from '../../bench/soak/oracle/Oracle.ts';
import { Violations } from '../../bench/soak/oracle/Violations.ts';
import { soak } from '../../bench/soak/run.ts';
import { scheduleOf } from '../../bench/soak/schedule.ts';

const out = mkdtempSync(join(tmpdir(), 'tickgraph-soak-test-'));
afterAll(() => {
  rmSync(out, { recursive: true });
});
it('the same seed replays the same schedule, and another seed another one', () => {
  const plan = { totalMs: 300_000, clients: 24, symbols: ['BTCUSDT', 'ETHUSDT'], restarts: true };
  const first = scheduleOf({ ...plan, seed: 3 });
  expect(first.length).toBeGreaterThan(50);
  expect(scheduleOf({ ...plan, seed: 3 })).toEqual(first);
  expect(scheduleOf({ ...plan, seed: 4 })).not.toEqual(first);
});

it('a soak finds trades that are taken away from one client, and nothing wrong with what others are sent', async () => {
  const options = { mode: 'soak', totalMs: 4_500, restarts: false, out, seed: 2, clients: 8, plant: true } as const;
  const { clients, violations } = await soak(options, () => undefined);
  const served = clients.filter(({ events }) => events > 0).map(({ wish }) => wish.protocol);
  expect(new Set(served)).toEqual(new Set(['raw', 'graphql-ws', 'batch', 'sse', 'multipart', 'resumable']));
  const found = violations.all.map(({ client, text }) => `${client}: ${text}`);
  expect(found.length).toBeGreaterThan(0);
  const robbed = /^client 8 \(raw\) BTCUSDT: trades \d+ to \d+ are missing, and no gap was told$/;
  for (const text of found) expect(text).toMatch(robbed);
  expect(readFileSync(violations.file, 'utf8')).toContain('VIOLATION 1 at ');
});

const START_MS = Date.UTC(2026, 0, 5);
const iso = (ms: number): string => new Date(START_MS + ms).toISOString();
const WISH: Wish = {
  protocol: 'raw',
  broker: 'binance',
  symbols: ['BTCUSDT'],
  types: ['trade', 'candle', 'orderbook', 'tick'],
  status: true,
  interval: '1s',
  depth: 10,
  book: 'delta',
  throttleMs: 0,
  history: 0,
  resume: true,
  credentials: null,
};
let sequence = 0;

function data(type: SeenData['type'], ms: number, fields: object): Seen {
  sequence += 1;
  const cursor = `1abcdefghABCDEFGHIJKL${sequence}`;
  return {
    kind: 'data',
    type,
    broker: WISH.broker,
    symbol: 'BTCUSDT',
    time: iso(ms),
    sequence,
    cursor,
    fields: { ...fields },
  };
}

const trade = (id: number, price = '10.00'): Seen =>
  data('trade', id * 400, { tradeId: String(id), price, size: '1.00', side: 'buy' });
const candle = (second: number, closed: boolean, close = '10.00'): Seen => {
  const values = { open: '10.00', high: '10.00000000', low: '10.00000000', close, volume: '2.00000000', tradeCount: 2 };
  return data('candle', second * 1_000, { openTime: iso(second * 1_000), closed, ...values });
};
const book = (kind: string, bids: object, asks: object): Seen => data('orderbook', 0, { kind, bids, asks });
const told = (more: object): Seen => ({
  kind: 'status',
  broker: WISH.broker,
  symbol: 'BTCUSDT',
  state: null,
  gap: null,
  replay: null,
  cursor: null,
  reason: null,
  ...more,
});

/** What is found to be wrong if a client sees this, and nothing more for a minute. */
function findings(events: readonly Seen[], wish = WISH): readonly string[] {
  const oracle = new Oracle([]);
  const made = (id: number) => ({ symbol: 'BTCUSDT', id, price: '10.00', size: '1.00', side: 'buy' as const });
  const trades = Array.from({ length: 10 }, (_, id) => ({ ...made(id), timeMs: START_MS + id * 400 }));
  const states = ['9.00@1 | 11.00@1', '9.00@2 | 11.00@1'].map((text, n) => ({
    symbol: 'BTCUSDT',
    text,
    atMs: START_MS + n,
  }));
  const prices = [
    { account: 'own', symbol: 'BTCUSDT', time: iso(0), atMs: START_MS, tick: '1@1 | 2@1', book: '' },
    { account: 'other', symbol: 'BTCUSDT', time: iso(0), atMs: START_MS, tick: '5@1 | 6@1', book: '' },
  ];
  oracle.take({ atMs: START_MS, trades, ticks: states, books: states, prices });
  const violations = new Violations({ seed: 0, folder: out, print: () => undefined, history: () => [] });
  const calm = { disturbedUntilMs: () => 0, clientDisturbedUntilMs: () => 0 };
  const auditor = new Auditor({ name: 'it', wish, oracle, violations, calm, history: new BrokerHistory() });
  const seen: Observation[] = [{ kind: 'connecting', resumes: null }, { kind: 'open' }];
  for (const event of events) seen.push({ kind: 'event', event });
  for (const observation of seen) auditor.note(observation, START_MS + 10_000);
  for (let ms = 10_000; ms < 60_000; ms += 1_000) auditor.settle(START_MS + ms);
  return violations.all.map(({ text }) => text);
}

it.each([
  ['nothing, if all is well', [trade(1), trade(2), candle(1, false), candle(1, true), candle(2, false)], []],
  ['a trade that comes twice', [trade(1), trade(1)], ['trade 1 comes twice']],
  ['trades out of order', [trade(2), trade(1)], ['trade 1 comes after 2']],
  ['a price that is not exact', [trade(1, '10.0')], ['trade 1: 10.0 1.00 buy, but it was 10.00 1.00 buy']],
  ['a trade that nobody made', [trade(77)], ['trade 77: the venue never made it']],
  ['trades that are missing', [trade(1), trade(4)], ['trades 2 to 3 are missing, and no gap was told']],
  [
    'nothing, if the gap is told later',
    [trade(1), trade(4), told({ gap: { type: 'trade', from: iso(400), to: iso(1_600) } })],
    [],
  ],
  [
    'trades that are missing beside the gap that is told',
    [trade(1), trade(4), told({ gap: { type: 'trade', from: iso(1_000), to: iso(1_600) } })],
    ['trades 2 to 3 are missing, and no gap was told'],
  ],
  [
    'a candle that is closed twice',
    [candle(1, true), candle(1, true)],
    [`candle ${iso(1_000)} (closed) after the closed one of ${iso(1_000)}`],
  ],
  [
    'a candle that is open after it was closed',
    [candle(1, true), candle(1, false)],
    [`candle ${iso(1_000)} (open) after the closed one of ${iso(1_000)}`],
  ],
  ['a book that the venue had not', [book('snapshot', [['8.00', '1']], [])], [/never had it: 8.00@1/]],
  [
    'a book that is crossed',
    [book('snapshot', [['9.00', '1']], [['9.00', '1']])],
    [/is crossed: 9.00 and 9.00/, /never had it/],
  ],
  [
    'a book that goes back',
    [book('snapshot', [['9.00', '2']], [['11.00', '1']]), book('delta', [['9.00', '1']], [])],
    [/older than the one before/],
  ],
  ['a delta without a book', [book('delta', [['9.00', '1']], [])], [/a delta without a snapshot/]],
  ['an event of another symbol', [{ ...trade(1), symbol: 'ETHUSDT' }], [/an event of binance ETHUSDT/]],
] as const)('the oracle finds %s', (_name, events, expected) => {
  // Whatever comes late is another matter.
  const found = findings(events).filter((text) => !text.startsWith('LIVE'));
  expect(found).toEqual(expected.map((each) => (typeof each === 'string' ? each : expect.stringMatching(each))));
});

it("the oracle finds another account's price", () => {
  const credentials = { accountId: 'own', token: '' };
  const wish: Wish = { ...WISH, broker: 'oanda', types: ['tick'], credentials };
  const tick = (bid: string, ask: string): Seen => ({
    ...(data('tick', 0, { bid, ask, bidSize: '1', askSize: '1' }) as SeenData),
    broker: 'oanda',
  });
  expect(findings([tick('1', '2')], wish)).toEqual([]);
  expect(findings([tick('5', '6')], wish)).toEqual([expect.stringContaining('ANOTHER ACCOUNT')]);
});

it('the oracle finds a silence that nobody was told about', () => {
  const wish: Wish = { ...WISH, types: ['orderbook'] };
  const old = book('snapshot', [['9.00', '1']], [['11.00', '1']]);
  const late = (events: readonly Seen[]): readonly string[] => findings(events, wish);
  expect(late([old])).toContainEqual(expect.stringMatching(/^LIVE, but for \d+ s there was no orderbook/));
  expect(late([old, told({ state: 'stale' })])).toEqual([]);
  const newest = book('snapshot', [['9.00', '2']], [['11.00', '1']]);
  expect(late([newest])).toEqual([]);
});
