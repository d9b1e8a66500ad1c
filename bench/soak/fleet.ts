import { setTimeout as sleep } from 'node:timers/promises';
import WebSocket from 'ws';
import { seededRandom } from '../../src/shared/random.ts';
import type { Random } from '../../src/shared/random.ts';
import { Fleet } from '../../test/support/Fleet.ts';
import type { FleetGateway } from '../../test/support/Fleet.ts';
import { metricOf } from '../../test/support/metricOf.ts';
import { waitFor } from '../../test/support/waitFor.ts';
import type { SoakOptions } from './options.ts';
import { Violations } from './oracle/Violations.ts';
import { table } from './report.ts';

const GATEWAYS = 3;
/** A client stays at a gateway so long, more or less. */
const STAY_MS = 4_000;
/** From one fault to the next. */
const FAULT_EVERY_MS = 7_000;
const FAULT_FOR_MS = 4_500;
/** A lease, and the time to close what is not needed any more. */
const TWO_UPSTREAMS_MS = 6_000;
/** Nobody may be without trades and without a word for so long. */
const SILENT_MS = 5_000;
const SYMBOL = 'BTCUSDT';

export interface FleetResult {
  readonly violations: Violations;
  readonly report: string;
}

/** Clients that hop at random between gateways, which are killed, stopped, frozen and cut off, and their Redis with them. */
export async function fleetSoak(options: SoakOptions, print: (line: string) => void): Promise<FleetResult> {
  const random = seededRandom(options.seed);
  const history: string[] = [];
  const faults = new Map<string, number>();
  const violations = new Violations({ seed: options.seed, folder: options.out, print, history: () => history });
  await using fleet = await Fleet.start({ gateways: GATEWAYS });
  const note = (kind: string): void => {
    history.push(`${new Date().toISOString()} ${kind}`);
    faults.set(kind, (faults.get(kind) ?? 0) + 1);
  };
  const clients = Array.from(
    { length: options.clients },
    (_, n) => new HoppingClient(`client ${n}`, { fleet, random, violations }),
  );
  const watch = new UpstreamWatch(fleet, violations);
  for (const client of clients) client.start();
  const endsMs = performance.now() + options.totalMs;
  while (performance.now() < endsMs) {
    await sleep(FAULT_EVERY_MS * (0.7 + 0.6 * random()));
    const fault = FAULTS[Math.floor(random() * FAULTS.length)];
    if (fault === undefined) continue;
    note(fault.kind);
    watch.allowed = fault.kind === 'the leader is cut off';
    await fault.happen(fleet, await leaderOf(fleet), random);
    watch.allowed = false;
  }
  watch.end();
  await sleep(FAULT_FOR_MS);
  for (const client of clients) client.settle();
  fleet.stopTraffic();
  const last = fleet.lastTradeId;
  for (const client of clients) await client.finish(last);
  const sum = (of: (client: HoppingClient) => number): number => clients.reduce((all, client) => all + of(client), 0);
  const rows: (readonly [string, string | number])[] = [
    ['seed', options.seed],
    ['minutes', (options.totalMs / 60_000).toFixed(1)],
    ['clients', clients.length],
    ['hops', sum(({ hops }) => hops)],
    ['of these recovered', sum(({ recovered }) => recovered)],
    ['trades checked', sum(({ trades }) => trades)],
    ['closed candles checked', sum(({ candles }) => candles)],
    ['gaps told', sum(({ gaps }) => gaps)],
    ['longest time with two connections to the venue (ms)', Math.round(watch.longestMs)],
    ['violations', violations.all.length],
  ];
  const report = [table(['what', 'value'], rows), table(['fault', 'times'], [...faults])].join('\n');
  return { violations, report };
}

interface FleetFault {
  readonly kind: string;
  readonly happen: (fleet: Fleet, leader: FleetGateway | null, random: Random) => Promise<void>;
}

const FAULTS: readonly FleetFault[] = [
  { kind: 'the leader is killed', happen: (fleet, leader) => replace(fleet, leader, 'SIGKILL') },
  { kind: 'the leader stops', happen: (fleet, leader) => replace(fleet, leader, 'SIGTERM') },
  {
    kind: 'a follower is killed',
    happen: (fleet, leader) => replace(fleet, fleet.gateways.find((each) => each !== leader) ?? null, 'SIGKILL'),
  },
  {
    kind: 'the leader is frozen',
    happen: async (_fleet, leader) => {
      leader?.process.kill('SIGSTOP');
      await sleep(FAULT_FOR_MS);
      leader?.process.kill('SIGCONT');
    },
  },
  {
    kind: 'the leader is cut off',
    happen: async (_fleet, leader) => {
      leader?.line.freeze();
      await sleep(FAULT_FOR_MS);
      leader?.line.heal();
      await sleep(TWO_UPSTREAMS_MS);
    },
  },
  {
    kind: 'a follower is cut off',
    happen: async (fleet, leader) => {
      const follower = fleet.gateways.find((each) => each !== leader);
      follower?.line.freeze();
      await sleep(FAULT_FOR_MS);
      follower?.line.heal();
    },
  },
  {
    kind: 'Redis is restarted',
    happen: async ({ redis }, _leader, random) => {
      await redis.kill();
      await sleep(FAULT_FOR_MS * random());
      await redis.begin();
    },
  },
  {
    kind: 'Redis is frozen',
    happen: async ({ redis }, _leader, random) => {
      redis.freeze();
      await sleep(FAULT_FOR_MS * random());
      redis.thaw();
    },
  },
  { kind: 'Redis forgets everything', happen: async ({ redis }) => void (await redis.ask('FLUSHALL')) },
  {
    kind: 'Redis ends subscriptions',
    happen: async ({ redis }) => void (await redis.ask('CLIENT', 'KILL', 'TYPE', 'pubsub')),
  },
];

async function replace(fleet: Fleet, gateway: FleetGateway | null, signal: NodeJS.Signals): Promise<void> {
  if (gateway === null) return;
  fleet.remove(gateway);
  gateway.process.kill(signal);
  await gateway.process.exited();
  await fleet.add();
}

async function leaderOf(fleet: Fleet): Promise<FleetGateway | null> {
  for (const gateway of fleet.gateways) {
    try {
      if ((await metricOf(gateway.url, 'tickgraph_bus_leader')) === 1) return gateway;
    } catch {
      // It has just gone.
    }
  }
  return fleet.gateways[0] ?? null;
}

/** Sees to it that the fleet is never connected twice for longer than it takes another one to take over. */
class UpstreamWatch {
  longestMs = 0;
  /** Two are no fault now: a leader that is cut off keeps its connection for its own clients. */
  allowed = false;
  readonly #timer: NodeJS.Timeout;

  constructor(fleet: Fleet, violations: Violations) {
    let sinceMs: number | null = null;
    let isTold = false;
    this.#timer = setInterval(() => {
      if (fleet.upstreams < 2 || this.allowed) {
        sinceMs = null;
        isTold = false;
        return;
      }
      sinceMs ??= performance.now();
      const forMs = performance.now() - sinceMs;
      this.longestMs = Math.max(this.longestMs, forMs);
      if (forMs < TWO_UPSTREAMS_MS || isTold) return;
      isTold = true;
      violations.add({
        client: 'the venue',
        text: `has ${fleet.upstreams} connections of the fleet for long`,
        details: [],
      });
    }, 50);
  }

  end(): void {
    clearInterval(this.#timer);
  }
}

interface HoppingClientOptions {
  readonly fleet: Fleet;
  readonly random: Random;
  readonly violations: Violations;
}

interface Message {
  readonly type?: string;
  readonly status?: string;
  readonly code?: string;
  readonly gap?: { readonly type: string };
  readonly replay?: { readonly recovered: boolean | null };
  readonly data?: Readonly<Record<string, unknown>>;
}

/** A client of the raw protocol that goes from gateway to gateway and resumes at each. */
class HoppingClient {
  readonly #name: string;
  readonly #options: HoppingClientOptions;
  readonly #cursors = new Map<string, string>();
  readonly #log: string[] = [];
  #socket: WebSocket | null = null;
  #hop: NodeJS.Timeout | null = null;
  #lastTrade: number | null = null;
  #lastCandle = '';
  #isExcused = false;
  #isTroubled = true;
  #heardMs = 0;
  #isMoving = true;
  hops = 0;
  recovered = 0;
  trades = 0;
  candles = 0;
  gaps = 0;

  constructor(name: string, options: HoppingClientOptions) {
    this.#name = name;
    this.#options = options;
  }

  start(): void {
    this.#connect();
  }

  /** It stays where it is from now on. */
  settle(): void {
    this.#isMoving = false;
    if (this.#hop !== null) clearTimeout(this.#hop);
  }

  /** Waits for the last trade, and leaves. */
  async finish(last: number): Promise<void> {
    try {
      await waitFor(() => this.#lastTrade === last, `trade ${last}`);
    } catch {
      this.#violation(`has not got the last trade: ${this.#lastTrade} instead of ${last}`);
    }
    this.#socket?.terminate();
  }

  #connect(): void {
    const { fleet, random } = this.#options;
    const gateway = fleet.gateways[Math.floor(random() * fleet.gateways.length)];
    const url = gateway?.url ?? 'http://127.0.0.1:1';
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`);
    this.#socket = socket;
    this.hops += 1;
    this.#isTroubled = true;
    this.#log.push(`connects to ${url}`);
    socket.on('open', () => {
      const resume = [...this.#cursors.values()];
      const ask = { action: 'subscribe', broker: 'binance', symbols: [SYMBOL], types: ['trade', 'candle'] };
      socket.send(JSON.stringify({ ...ask, options: { interval: '1s' }, ...(resume.length > 0 ? { resume } : {}) }));
      this.#heardMs = performance.now();
    });
    socket.on('message', (bytes: Buffer) => {
      if (socket === this.#socket) this.#take(JSON.parse(bytes.toString('utf8')) as Message);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (socket === this.#socket) this.#again(200);
    });
    this.#again(STAY_MS * (0.2 + 1.6 * random()));
  }

  #again(afterMs: number): void {
    if (this.#hop !== null) clearTimeout(this.#hop);
    if (!this.#isMoving && this.#socket?.readyState === WebSocket.OPEN) return;
    this.#hop = setTimeout(() => {
      const former = this.#socket;
      const silentMs = performance.now() - this.#heardMs;
      if (former?.readyState === WebSocket.OPEN && !this.#isTroubled && silentMs > SILENT_MS) {
        this.#violation(`has been without a word for ${Math.round(silentMs)} ms`);
      }
      this.#connect();
      former?.terminate();
    }, afterMs);
  }

  #take(message: Message): void {
    this.#heardMs = performance.now();
    this.#log.push(JSON.stringify(message).slice(0, 300));
    if (this.#log.length > 200) this.#log.shift();
    const { type, status, gap, replay, data } = message;
    if (type === 'error' && message.code !== 'BROKER_UNAVAILABLE') this.#violation(`is refused: ${message.code}`);
    if (type === 'status') {
      if (status === 'gap') {
        this.gaps += 1;
        if (gap?.type === 'trade') this.#isExcused = true;
      } else if (status === 'replay') {
        if (replay?.recovered === true) this.recovered += 1;
        this.#isTroubled = false;
      } else if (status === 'live') this.#isTroubled = false;
      else if (status === 'stale' || status === 'recovering') this.#isTroubled = true;
    }
    if (data === undefined) return;
    this.#cursors.set(String(data['type']), String(data['cursor']));
    if (data['type'] === 'trade') this.#trade(Number(data['tradeId']));
    else if (data['type'] === 'candle' && data['closed'] === true) this.#candle(String(data['openTime']));
  }

  #trade(id: number): void {
    this.trades += 1;
    const last = this.#lastTrade;
    if (last !== null && id <= last) this.#violation(`got trade ${id} behind ${last}`);
    else if (last !== null && id !== last + 1 && !this.#isExcused)
      this.#violation(`got trade ${id} behind ${last}, without a gap`);
    this.#lastTrade = Math.max(id, last ?? id);
    this.#isExcused = false;
  }

  #candle(openTime: string): void {
    this.candles += 1;
    if (openTime <= this.#lastCandle) this.#violation(`got the candle of ${openTime} behind ${this.#lastCandle}`);
    this.#lastCandle = openTime;
  }

  #violation(text: string): void {
    this.#options.violations.add({ client: this.#name, text, details: this.#log.slice(-40) });
  }
}
