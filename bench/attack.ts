import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Neighbour } from './attack/Neighbour.ts';
import { ROWS } from './attack/rows.ts';
import type { Row } from './attack/rows.ts';

// Tries every known way in which one client could harm the others, against a gateway with a small heap and a healthy
// client of each protocol beside it. `node bench/attack.ts [ROW …]`; on loopback only.

const HEAP_MB = 512;
const ATTACK_MS = 12_000;
const SETTLE_MS = 3_000;
/** This is longer than streams are kept open at the venue once nobody wants them. */
const WARMED_MS = 6_000;
/** In this time the mock broker collects as many trades of each symbol as it ever keeps. */
const FILL_MS = 75_000;
/** Both the stand-in venue and the mock broker have this many symbols. */
const SYMBOLS = 1_500;
const LIMITS = { silenceMs: 1_000, growth: 1.1, exitMs: 5_500 };
const folder = fileURLToPath(new URL('.', import.meta.url));

interface Venue {
  readonly websocketUrl: string;
  readonly restUrl: string;
}

interface Started {
  readonly gateway: ChildProcess;
  readonly http: string;
  /** The URL of its debugger. */
  readonly inspector: string;
}

interface Outcome {
  readonly row: Row;
  readonly lives: boolean;
  readonly silenceMs: number;
  readonly bookMs: number | null;
  readonly beforeMb: number;
  readonly peakMb: number;
  readonly afterMb: number;
  readonly exitMs: number | null;
}

function isFine({ row, lives, silenceMs, beforeMb, afterMb, exitMs }: Outcome): boolean {
  const mostMs = LIMITS.silenceMs + (row.suspendMs ?? 0);
  return (
    lives && silenceMs <= mostMs && afterMb <= beforeMb * LIMITS.growth && exitMs !== null && exitMs <= LIMITS.exitMs
  );
}

function residentMb({ pid }: ChildProcess): number {
  const [, kib] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8')) ?? [];
  return Number(kib) / 1_024;
}

async function start(row: Row, venue: Venue, work: string): Promise<Started> {
  const symbols = Object.fromEntries(Array.from({ length: SYMBOLS }, (_, n) => [`S${n}`, 100 + n]));
  const config = join(work, 'config.yaml');
  const brokers = {
    binance: { kind: 'binance', websocketUrl: venue.websocketUrl, restUrl: venue.restUrl },
    oanda: null,
    'mock-binance': { kind: 'mock-binance', symbols, ticksPerSecond: 10 },
  };
  writeFileSync(config, JSON.stringify({ server: { port: 0 }, log: { pretty: false }, brokers }));
  const node = [
    `--max-old-space-size=${HEAP_MB}`,
    // The young generation has its full size from the start, so that growth of RSS is memory that is really kept.
    '--min-semi-space-size=16',
    '--max-semi-space-size=16',
    '--inspect=127.0.0.1:0',
    join(folder, '../src/index.ts'),
  ];
  const command = [
    '-c',
    `${row.maxFiles === undefined ? '' : `ulimit -n ${row.maxFiles} && `}exec "$0" "$@"`,
    process.execPath,
    ...node,
    'serve',
    '--config',
    config,
  ];
  const gateway = spawn('/bin/sh', command, {
    env: { PATH: process.env['PATH'] ?? '', ...row.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const failed = once(gateway, 'exit').then(([code]) => {
    throw new Error(`the gateway ended with ${String(code)}`);
  });
  failed.catch(() => undefined);
  const [http, inspector] = await Promise.race([
    Promise.all([said(gateway.stdout, /"http":"([^"]+)"/), said(gateway.stderr, /(ws:\S+)/)]),
    failed,
  ]);
  return { gateway, http, inspector };
}

/** Resolves with the first match in the output; all of the output is read. */
function said(output: Readable | null, what: RegExp): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    output?.on('data', (data: Buffer) => {
      text = (text + data.toString()).slice(-20_000);
      const [, found] = what.exec(text) ?? [];
      if (found !== undefined) resolve(found);
    });
  });
}

/** The memory of the process after a collection, so that garbage does not count. */
async function keptMb(gateway: ChildProcess, inspector: string): Promise<number> {
  const socket = new WebSocket(inspector);
  const collected = new Promise((resolve) => {
    socket.addEventListener('message', resolve, { once: true });
  });
  socket.addEventListener('open', () => {
    socket.send('{"id":1,"method":"HeapProfiler.collectGarbage"}');
  });
  await collected;
  socket.close();
  return residentMb(gateway);
}

function attackWith(row: Row, http: string): ChildProcess {
  return spawn(process.execPath, [join(folder, 'attack/attacker.ts'), row.name, http], { stdio: 'ignore' });
}

/** Does what ordinary clients do, so that the process has its ordinary size before the attack, and again afterwards. */
async function warmUp(http: string, ms = 0): Promise<void> {
  const listeners = await Promise.all([...Array.from({ length: 6 }, () => listen(http)), holdBooks(http)]);
  const fields = 'time receivedAt sequence cursor openTime closeTime open high low close volume tradeCount closed';
  const query = `{ candles(broker: "mock-binance", symbol: "S1", limit: 5000) { ${fields} } }`;
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ query });
  for (let n = 0; n < 8; n += 1) {
    const answers = Array.from({ length: 8 }, () => fetch(`${http}/graphql`, { method: 'POST', headers, body }));
    await Promise.all(answers.map(async (answer) => (await answer).text()));
  }
  await sleep(ms);
  for (const listener of listeners) listener.close();
}

/** Subscribes to two hundred symbols of every type. */
async function listen(http: string): Promise<WebSocket> {
  const socket = new WebSocket(`${http.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws');
  const query =
    'subscription ($s: [String!]!) { marketData(broker: "mock-binance", symbols: $s, types: [TICK, TRADE, CANDLE, ORDERBOOK, STATUS]) { symbol time } }';
  const variables = { s: Array.from({ length: 200 }, (_, n) => `S${n + 1}`) };
  await new Promise((resolve) => {
    socket.addEventListener('open', resolve);
  });
  socket.send('{"type":"connection_init"}');
  await sleep(500);
  socket.send(JSON.stringify({ id: 'w', type: 'subscribe', payload: { query, variables } }));
  return socket;
}

/** Subscribes to some books of the venue, which allows few of them a minute. */
async function holdBooks(http: string): Promise<WebSocket> {
  const socket = new WebSocket(`${http.replace(/^http/, 'ws')}/ws`);
  await new Promise((resolve) => {
    socket.addEventListener('open', resolve);
  });
  const symbols = Array.from({ length: 10 }, (_, n) => `GEN${SYMBOLS - n}USDT`);
  socket.send(JSON.stringify({ action: 'subscribe', broker: 'binance', symbols, types: ['orderbook'] }));
  return socket;
}

/** Measures how long another client waits for a book that nobody has subscribed to. */
async function nextBook(http: string, symbol: string): Promise<number | null> {
  const socket = new WebSocket(`${http.replace(/^http/, 'ws')}/ws`);
  const began = performance.now();
  const came = new Promise<number>((resolve) => {
    socket.addEventListener('message', ({ data }) => {
      if (String(data).startsWith('{"type":"data"')) resolve(performance.now() - began);
    });
  });
  socket.addEventListener('open', () => {
    socket.send(JSON.stringify({ action: 'subscribe', broker: 'binance', symbols: [symbol], types: ['orderbook'] }));
  });
  const waited = await Promise.race([came, sleep(ATTACK_MS, null)]);
  socket.close();
  return waited;
}

async function attack(row: Row): Promise<Outcome> {
  const market = spawn(process.execPath, [join(folder, 'attack/venue.ts'), String(SYMBOLS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [address] = (await once(market.stdout, 'data')) as [Buffer];
  const venue = JSON.parse(address.toString()) as Venue;
  const work = mkdtempSync(join(tmpdir(), 'tickgraph-attack-'));
  const { gateway, http, inspector } = await start(row, venue, work);
  const neighbours = [Neighbour.overGraphql(http), Neighbour.overRaw(http), Neighbour.overEvents(http)];
  for (const child of [market, gateway]) children.add(child);
  try {
    await warmUp(http, FILL_MS);
    await sleep(WARMED_MS);
    if (neighbours.some(({ received }) => received === 0))
      throw new Error('a neighbour received nothing before the attack');
    for (const neighbour of neighbours) neighbour.takeLongestMs();
    const beforeMb = await keptMb(gateway, inspector);
    let peakMb = beforeMb;
    const watch = setInterval(() => {
      if (gateway.exitCode === null && gateway.signalCode === null) peakMb = Math.max(peakMb, residentMb(gateway));
    }, 200);
    const attacker = attackWith(row, http);
    children.add(attacker);
    await sleep(2_000);
    if (row.suspendMs !== undefined) {
      gateway.kill('SIGSTOP');
      await sleep(row.suspendMs);
      gateway.kill('SIGCONT');
    }
    const [bookMs] = await Promise.all([nextBook(http, 'BTCUSDT'), sleep(ATTACK_MS)]);
    const silenceMs = Math.max(...neighbours.map((neighbour) => neighbour.takeLongestMs()));
    attacker.kill('SIGKILL');
    await sleep(SETTLE_MS);
    const lives = gateway.exitCode === null && gateway.signalCode === null;
    if (lives) await warmUp(http);
    await sleep(WARMED_MS);
    const afterMb = lives ? await keptMb(gateway, inspector) : Number.NaN;
    const again = attackWith(row, http);
    children.add(again);
    await sleep(3_000);
    clearInterval(watch);
    const exitMs = lives ? await exit(gateway) : null;
    return { row, lives, silenceMs, bookMs, beforeMb, peakMb, afterMb, exitMs };
  } finally {
    for (const neighbour of neighbours) neighbour.leave();
    for (const child of children) child.kill('SIGKILL');
    children.clear();
    rmSync(work, { recursive: true });
  }
}

/** Measures the time from SIGTERM to the end of the process; null if it did not end by itself with 0. */
async function exit(gateway: ChildProcess): Promise<number | null> {
  const began = performance.now();
  const ended = once(gateway, 'exit');
  gateway.kill('SIGTERM');
  const outcome = await Promise.race([ended, sleep(30_000, null)]);
  return outcome?.[0] === 0 ? performance.now() - began : null;
}

const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    process.exit(1);
  });
}

const wanted = process.argv.slice(2);
const rows = ROWS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
console.log(
  '| row | what | lives | longest silence of a neighbour | next book | RSS before, peak, after | SIGTERM | |',
);
console.log('| --- | --- | --- | --: | --: | --: | --: | --- |');
let failed = false;
for (const row of rows) {
  const outcome = await attack(row);
  const { lives, silenceMs, bookMs, beforeMb, peakMb, afterMb, exitMs } = outcome;
  const megabytes = [beforeMb, peakMb, afterMb].map((mb) => mb.toFixed(0)).join(', ');
  const fine = isFine(outcome);
  failed ||= !fine;
  const ms = (value: number | null): string => (value === null ? 'never' : `${value.toFixed(0)} ms`);
  console.log(
    `| ${row.name} | ${row.what} | ${lives ? 'yes' : 'NO'} | ${ms(silenceMs)} | ${ms(bookMs)} | ${megabytes} MiB | ${ms(exitMs)} | ${fine ? 'fine' : 'FAILS'} |`,
  );
}
process.exitCode = failed ? 1 : 0;
