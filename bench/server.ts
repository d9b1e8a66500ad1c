import { subscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { assertNever } from '../src/shared/errors.ts';
import { isCompressed, plainOf } from './cases.ts';
import type { CaseName } from './cases.ts';
import { makeEvents } from './documents.ts';
import type { BenchEvent, DocumentName } from './documents.ts';
import { serveCalls } from './rpc.ts';
import type { ServerUnderTest, StartServer } from './servers/ServerUnderTest.ts';

// This is the child process with the server. Only the requested server is loaded.

export interface StartRequest {
  readonly name: CaseName;
  readonly document: DocumentName;
  /** The number of symbols. */
  readonly universe: number;
}

export interface SaturateRequest {
  /** This many events, rounded up to whole rounds: every symbol has as many as the others. */
  readonly events: number;
  readonly perTurn: number;
  /** No more rounds begin after this time. */
  readonly seconds: number;
}

export interface PaceRequest {
  readonly events: number;
  readonly eventsPerSecond: number;
  /** The time of every `sampleEvery`-th event is kept. */
  readonly sampleEvery: number;
}

export interface Published {
  readonly events: number;
  readonly elapsedMs: number;
}

export interface Paced extends Published {
  /** The times at which the sampled events were published, in microseconds of the machine's monotonic clock. */
  readonly at: Float64Array;
  readonly loopDelayP99Us: number;
}

/** Times in microseconds. */
export interface Cpu {
  /** The user time of all threads of the process. */
  readonly user: number;
  /** The system time of all threads of the process. */
  readonly system: number;
  /** The time in which the main thread could have run but another process had the core; NaN if it is unknown. */
  readonly heldUp: number;
}

export interface ServerCalls {
  /** Returns the port. */
  start(what: StartRequest): Promise<number>;
  /** Publishes one event of each symbol at once; resolves when every socket has accepted the resulting bytes. */
  publish(argument: null): Promise<void>;
  /** Publishes turn after turn, each when every socket has accepted the bytes of the one before it. */
  saturate(request: SaturateRequest): Promise<Published>;
  pace(request: PaceRequest): Promise<Paced>;
  /** The CPU times since the last start of measuring. */
  cpu(argument: null): Cpu;
  /** The bytes of the process and of the heap, after a collection. */
  memory(argument: null): { readonly rss: number; readonly heap: number };
}

/** No more than this many overdue events are published in one turn. */
const MOST_AT_ONCE = 100;

const sockets = new Set<Socket>();
subscribe('net.server.socket', (message) => {
  const { socket } = message as { readonly socket: Socket };
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
});

let server: ServerUnderTest | null = null;
let events: readonly BenchEvent[] = [];
let universe = 1;
let next = 0;
let cpuBefore = process.cpuUsage();
let heldUpBefore = heldUp();

serveCalls<ServerCalls>({
  async start({ name, document, universe: symbols }) {
    const start = await load(name);
    universe = symbols;
    events = makeEvents(document, universe);
    server = await start({ document, universe, compressed: isCompressed(name) });
    return server.port;
  },
  async publish() {
    publish(universe);
    await settled();
  },
  async saturate({ events: wanted, perTurn, seconds }) {
    const before = performance.now();
    const last = before + seconds * 1_000;
    beginMeasuring();
    let published = 0;
    while ((published < wanted && performance.now() < last) || published % universe > 0) {
      publish(perTurn);
      published += perTurn;
      await settled();
    }
    return { events: published, elapsedMs: performance.now() - before };
  },
  pace,
  cpu: () => ({ ...process.cpuUsage(cpuBefore), heldUp: heldUp() - heldUpBefore }),
  memory() {
    globalThis.gc?.();
    globalThis.gc?.();
    const { rss, heapUsed } = process.memoryUsage();
    return { rss, heap: heapUsed };
  },
});

async function pace({ events: wanted, eventsPerSecond, sampleEvery }: PaceRequest): Promise<Paced> {
  const at = new Float64Array(Math.ceil(wanted / sampleEvery));
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  beginMeasuring();
  const before = performance.now();
  let published = 0;
  while (published < wanted) {
    const due = Math.floor(((performance.now() - before) * eventsPerSecond) / 1_000) + 1;
    const batch = Math.min(wanted - published, due - published, MOST_AT_ONCE);
    const now = Number(process.hrtime.bigint()) / 1_000;
    for (let event = published; event < published + batch; event += 1) {
      if (event % sampleEvery === 0) at[event / sampleEvery] = now;
    }
    publish(batch);
    published += batch;
    const wait = before + (published * 1_000) / eventsPerSecond - performance.now();
    await sleep(Math.max(1, Math.floor(wait)));
  }
  delay.disable();
  return { events: published, elapsedMs: performance.now() - before, at, loopDelayP99Us: delay.percentile(99) / 1_000 };
}

function beginMeasuring(): void {
  cpuBefore = process.cpuUsage();
  heldUpBefore = heldUp();
}

/**
 * Returns the time for which the main thread waited for a core, as Linux reports it: nanoseconds on a core, nanoseconds
 * of waiting, and time slices.
 */
function heldUp(): number {
  try {
    return Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[1]) / 1_000;
  } catch {
    return Number.NaN;
  }
}

function publish(count: number): void {
  const batch: BenchEvent[] = [];
  for (; batch.length < count; next += 1) {
    const event = events[next % events.length];
    if (event === undefined) throw new Error('not started');
    batch.push(event);
  }
  server?.publish(batch);
}

async function settled(): Promise<void> {
  await turn();
  // This waits by timer, so that waiting for the reader costs no measured time.
  while (isBehind()) await sleep(1);
}

function isBehind(): boolean {
  for (const socket of sockets) if (socket.writableLength > 0) return true;
  return server?.isBehind?.() ?? false;
}

async function load(name: CaseName): Promise<StartServer> {
  const plain = plainOf(name);
  switch (plain) {
    case 'tcp':
      return (await import('./servers/tcp.ts')).startTcp;
    case 'ws':
      return (await import('./servers/ws.ts')).startWs;
    case 'stock':
      return (await import('./servers/stock.ts')).startStock;
    case 'gateway':
    case 'gateway-raw':
    case 'gateway-sse':
      return (await import('./gatewayUnderTest.ts')).startGateway;
    default:
      return assertNever(plain);
  }
}
