import { setTimeout as sleep } from 'node:timers/promises';
import type { CaseName } from './cases.ts';
import type { ClientCalls, Counts } from './client.ts';
import type { DocumentName, SymbolSpread } from './documents.ts';
import { Child } from './rpc.ts';
import type { Cpu, PaceRequest, SaturateRequest, ServerCalls } from './server.ts';

export interface RigOptions {
  readonly name: CaseName;
  readonly document: DocumentName;
  readonly clients: number;
  /** This many different documents are spread over the clients. @default 1 */
  readonly documents?: number;
  /** @default one symbol, which every client has */
  readonly symbols?: SymbolSpread;
}

/** The work of one phase, and its cost for the server. */
export interface Phase {
  readonly events: number;
  readonly delivered: number;
  readonly bytesPerMessage: number;
  /** Counts those of the delivered messages that were compressed. */
  readonly compressed: number;
  /** From the first event to the arrival of the last message. */
  readonly elapsedMs: number;
  readonly userUs: number;
  readonly systemUs: number;
  /** The time in which another process had the server's core. */
  readonly heldUpUs: number;
}

export interface PacedPhase extends Phase {
  /** Microseconds from the publishing of an event to its arrival at a client, ascending, for the sampled events. */
  readonly latencies: Float64Array;
  readonly loopDelayP99Us: number;
  /** False if the events were not published at their pace, or did not all arrive. */
  readonly keptUp: boolean;
}

// Stock yoga has all its subscribers on one EventTarget, which makes Node print a warning.
const SERVER_FLAGS = ['--expose-gc', '--max-semi-space-size=16', '--disable-warning=MaxListenersExceededWarning'];
const SERVER_CORE = 1;
const CLIENT_CORE = 0;
const POLL_MS = 20;
const READY_DEADLINE_MS = 20_000;
/** If no message comes for this long, none is expected any more. */
const QUIET_MS = 3_000;
/** A server that needs this many times the planned duration did not keep the pace. */
const LATE_FACTOR = 1.1;
const MOST_SAMPLES = 400_000;
const WARM_UP_EVENTS = 400;
const WARM_UP_MESSAGES = 200_000;
const WARM_UP_SECONDS = 1;

/**
 * One server with its clients, each side in a process of its own, for one case. On disposal both processes have ended.
 */
export class Rig implements AsyncDisposable {
  readonly #options: RigOptions;
  readonly #server = new Child<ServerCalls>({ file: './server.ts', core: SERVER_CORE, nodeFlags: SERVER_FLAGS });
  readonly #client = new Child<ClientCalls>({ file: './client.ts', core: CLIENT_CORE, nodeFlags: [] });
  #port = 0;
  #connected = 0;

  private constructor(options: RigOptions) {
    this.#options = options;
  }

  /** Resolves when every client has had a message and nothing is on the way. */
  static async start(options: RigOptions): Promise<Rig> {
    await using owned = new AsyncDisposableStack();
    const rig = owned.use(new Rig(options));
    const { name, document, symbols } = options;
    rig.#port = await rig.#server.call('start', { name, document, universe: symbols?.universe ?? 1 });
    await rig.connect(options.clients);
    owned.move();
    return rig;
  }

  /** Adds this many clients. Returns the milliseconds until each of them has had its first message. */
  async connect(count: number): Promise<number> {
    const { name, document, documents = 1, symbols = null } = this.#options;
    const before = performance.now();
    await this.#client.call('connect', { port: this.#port, name, document, count, documents, symbols }, 60_000);
    this.#connected += count;
    await this.#untilReady();
    const took = performance.now() - before;
    await this.#untilQuiet(4 * POLL_MS, () => false);
    return took;
  }

  async warmUp(perTurn = 1): Promise<void> {
    const messagesPerEvent = this.#shareOf(1) * this.#connected;
    const events = Math.max(WARM_UP_EVENTS, Math.ceil(WARM_UP_MESSAGES / messagesPerEvent));
    await this.saturate({ events, perTurn, seconds: WARM_UP_SECONDS });
  }

  /** Throws if a client got fewer messages than there were events, or more. */
  async saturate(request: SaturateRequest): Promise<Phase> {
    await this.#client.call('reset', { samples: 0, every: 1 });
    const { events, elapsedMs } = await this.#server.call('saturate', request, request.seconds * 1_000 + 60_000);
    const counts = await this.#untilDelivered(events, this.#connected);
    const cpu = await this.#server.call('cpu', null);
    // Surplus messages may come late.
    await sleep(POLL_MS);
    this.#expectAll(await this.counts(), events);
    return phase({ events, elapsedMs, counts, cpu });
  }

  /** Publishes events at a pace. Clients that have stopped reading are left out of every figure. */
  async pace({ events, eventsPerSecond }: Omit<PaceRequest, 'sampleEvery'>, stalled = 0): Promise<PacedPhase> {
    const reading = this.#connected - stalled;
    const sampleEvery = Math.ceil((events * reading) / MOST_SAMPLES);
    const request = { events, eventsPerSecond, sampleEvery };
    await this.#client.call('reset', { samples: Math.ceil(events / sampleEvery), every: sampleEvery });
    const before = performance.now();
    const deadlineMs = (events / eventsPerSecond) * 4_000 + 60_000;
    const { at, loopDelayP99Us, elapsedMs: tookMs } = await this.#server.call('pace', request, deadlineMs);
    const counts = await this.#untilDelivered(events, reading);
    const elapsedMs = performance.now() - before;
    const cpu = await this.#server.call('cpu', null);
    const samples = await this.#client.call('samples', null);
    const isWhole = counts.least === events && counts.most === events;
    const keptUp = isWhole && tookMs < (events * LATE_FACTOR * 1_000) / eventsPerSecond;
    // The n-th message is the n-th event only if none is missing.
    const latencies = isWhole ? latenciesOf(at, samples.at) : new Float64Array(0);
    return { ...phase({ events, elapsedMs, counts, cpu }), latencies, loopDelayP99Us, keptUp };
  }

  async memory(): Promise<{ readonly rss: number; readonly heap: number }> {
    return this.#server.call('memory', null);
  }

  async stall(oneIn: number): Promise<number> {
    return this.#client.call('stall', oneIn);
  }

  counts(): Promise<Counts> {
    return this.#client.call('counts', null);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#server[Symbol.asyncDispose](), this.#client[Symbol.asyncDispose]()]);
  }

  async #untilReady(): Promise<void> {
    const deadline = performance.now() + READY_DEADLINE_MS;
    for (;;) {
      await this.#server.call('publish', null);
      await sleep(POLL_MS);
      const counts = await this.counts();
      if (counts.begun === this.#connected) break;
      if (performance.now() > deadline || counts.closed > 0) {
        const state = `${counts.begun} of ${this.#connected} clients began, ${counts.closed} were closed`;
        throw new Error(`${this.#options.name}: ${state}; the first was sent:\n${counts.beginning}`);
      }
    }
  }

  /** Returns how many of these events, which are whole rounds, a client receives. */
  #shareOf(events: number): number {
    const { universe, perClient } = this.#options.symbols ?? { universe: 1, perClient: 1 };
    return (events / universe) * perClient;
  }

  #untilDelivered(events: number, clients: number): Promise<Counts> {
    return this.#untilQuiet(QUIET_MS, ({ messages }) => messages >= this.#shareOf(events) * clients);
  }

  /** Resolves when nothing has come for a while, or enough has. */
  async #untilQuiet(quietMs: number, isEnough: (counts: Counts) => boolean): Promise<Counts> {
    let counts = await this.counts();
    let changed = performance.now();
    while (!isEnough(counts) && performance.now() - changed < quietMs) {
      await sleep(POLL_MS);
      const now = await this.counts();
      if (now.messages !== counts.messages) changed = performance.now();
      counts = now;
    }
    return counts;
  }

  #expectAll({ least, most, closed }: Counts, events: number): void {
    const due = this.#shareOf(events);
    if (least === due && most === due && closed === 0) return;
    const got = `clients got ${least} to ${most} of ${due} messages, ${closed} were closed`;
    throw new Error(`${this.#options.name} ${this.#options.document}: ${got}`);
  }
}

interface Measured {
  readonly events: number;
  readonly elapsedMs: number;
  readonly counts: Counts;
  readonly cpu: Cpu;
}

function phase({ events, elapsedMs, counts, cpu }: Measured): Phase {
  const { messages, bytes, compressed } = counts;
  return {
    events,
    delivered: messages,
    bytesPerMessage: bytes / Math.max(1, messages),
    compressed,
    elapsedMs,
    userUs: cpu.user,
    systemUs: cpu.system,
    heldUpUs: cpu.heldUp,
  };
}

/** Both clocks are the machine's monotonic clock. */
function latenciesOf(published: Float64Array, arrived: Float64Array): Float64Array {
  return arrived.map((at, index) => at - (published[index % published.length] ?? 0)).toSorted();
}
