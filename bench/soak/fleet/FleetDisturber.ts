import { setTimeout as sleep } from 'node:timers/promises';
import { assertNever } from '../../../src/shared/errors.ts';
import { metricOf } from '../../../test/support/metricOf.ts';
import type { RedisServer } from '../../../test/support/RedisServer.ts';
import type { TakeoverCheck } from '../oracle/TakeoverCheck.ts';
import type { Calm } from '../oracle/Timeliness.ts';
import type { UpstreamCheck } from '../oracle/UpstreamCheck.ts';
import type { ChaosProxy } from '../world/ChaosProxy.ts';
import type { Gateway } from '../world/Gateway.ts';
import { nowMs } from '../world/venueMessages.ts';
import type { FleetFault, FleetFaultKind, Hop } from './schedule.ts';

/** A gateway of the fleet, and its network to Redis. */
export interface Member {
  readonly gateway: Gateway;
  readonly line: ChaosProxy;
}

/** A client's network, and the gateway at the other end of it. */
export interface HoppingLine {
  readonly name: string;
  readonly line: ChaosProxy;
  /** The gateway that it is connected to, or was last. */
  at: number;
  /** The gateway that its next connection goes to. */
  next: number;
  /** Ticks come all the time. */
  readonly hasTicks: boolean;
}

export interface FleetDisturberOptions {
  readonly members: readonly Member[];
  readonly redis: RedisServer;
  readonly lines: readonly HoppingLine[];
  readonly takeovers: TakeoverCheck;
  readonly upstreams: UpstreamCheck;
}

type RedisFaultKind = Extract<FleetFaultKind, `Redis ${string}`>;

/** The promised time, and the time that a machine adds on which so many processes share few cores. */
const KILLED_LIMIT_MS = 5_000 + 2_000;
const STOPPED_LIMIT_MS = 1_500 + 2_000;
/** A leader that was cut off closes what it does not need any more within this time. */
const STANDS_DOWN_MS = 4_000;
const KEPT = 100;
/** The order in which a gateway makes its connections to Redis. */
const [COMMANDS, SUBSCRIPTIONS] = [0, 1];

/** Carries out the schedule of a fleet, and remembers until when that explains anything. */
export class FleetDisturber {
  readonly #options: FleetDisturberOptions;
  readonly #clientUntilMs = new Map<string, number>();
  #fleetUntilMs = 0;
  /** The faults so far, as text, oldest first. */
  readonly history: string[] = [];
  readonly counts = new Map<string, number>();
  hops = 0;

  constructor(options: FleetDisturberOptions) {
    this.#options = options;
  }

  calmOf(client: string): Calm {
    return {
      disturbedUntilMs: () => this.#fleetUntilMs,
      clientDisturbedUntilMs: () => this.#clientUntilMs.get(client) ?? 0,
    };
  }

  hop({ client, gateway }: Hop): void {
    const line = this.#options.lines[client];
    if (line === undefined) return;
    this.hops += 1;
    this.#options.takeovers.forget(line.name);
    line.next = gateway;
    line.line.cut();
  }

  /** Resolves when the fault is over. */
  async apply({ kind, forMs }: FleetFault): Promise<void> {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    this.#note(`${kind} (${forMs} ms)`);
    this.#options.takeovers.end(nowMs());
    const leader = await this.#leader();
    const follower = (leader + 1) % this.#options.members.length;
    switch (kind) {
      case 'the leader is killed':
        this.#expectTakeover(kind, leader, KILLED_LIMIT_MS);
        await this.#restart(leader, 'SIGKILL', forMs);
        break;
      case 'the leader stops':
        this.#expectTakeover(kind, leader, STOPPED_LIMIT_MS);
        await this.#restart(leader, 'SIGTERM', forMs);
        break;
      case 'a follower is killed':
        await this.#restart(follower, 'SIGKILL', forMs);
        break;
      case 'all are restarted in turn':
        for (const index of this.#options.members.keys()) await this.#restart(index, 'SIGTERM', 0);
        break;
      case 'the leader is frozen':
        await this.#freeze(leader, forMs);
        break;
      case 'the leader is cut off from Redis':
        await this.#cutOff(leader, forMs);
        break;
      case 'a follower is cut off from Redis':
        await this.#cutOff(follower, forMs);
        break;
      case 'commands of the leader stand still':
        await this.#hold(leader, COMMANDS, forMs);
        break;
      case 'commands of a follower stand still':
        await this.#hold(follower, COMMANDS, forMs);
        break;
      case 'subscriptions of the leader stand still':
        await this.#hold(leader, SUBSCRIPTIONS, forMs);
        break;
      case 'subscriptions of a follower stand still':
        await this.#hold(follower, SUBSCRIPTIONS, forMs);
        break;
      case 'Redis is restarted':
      case 'Redis is frozen':
      case 'Redis forgets everything':
      case 'Redis ends subscriptions':
        await this.#disturbRedis(kind, forMs);
        break;
      default:
        assertNever(kind);
    }
    this.#note(`over: ${kind}`);
    this.#fleetUntilMs = nowMs();
  }

  async #disturbRedis(kind: RedisFaultKind, forMs: number): Promise<void> {
    const { redis } = this.#options;
    switch (kind) {
      case 'Redis is restarted':
        await redis.kill();
        await sleep(forMs);
        await redis.begin();
        break;
      case 'Redis is frozen':
        redis.freeze();
        await sleep(forMs);
        redis.thaw();
        break;
      case 'Redis forgets everything':
        await redis.ask('FLUSHALL');
        break;
      case 'Redis ends subscriptions':
        await redis.ask('CLIENT', 'KILL', 'TYPE', 'pubsub');
        break;
      default:
        assertNever(kind);
    }
  }

  async #restart(index: number, signal: 'SIGTERM' | 'SIGKILL', downMs: number): Promise<void> {
    const { gateway } = this.#member(index);
    this.#disturbClientsOf(index, 0);
    await gateway.stop(signal);
    this.#disturbClientsOf(index, 0);
    this.#note(`gateway ${index} has ended`);
    await sleep(downMs);
    await gateway.start();
  }

  async #freeze(index: number, forMs: number): Promise<void> {
    const { gateway } = this.#member(index);
    this.#disturbClientsOf(index, forMs + 1_000);
    gateway.suspend(true);
    await sleep(forMs);
    gateway.suspend(false);
  }

  /** A leader that is cut off keeps its connection to the venue, for its own clients. */
  async #cutOff(index: number, forMs: number): Promise<void> {
    const { line } = this.#member(index);
    this.#options.upstreams.excuse(nowMs() + forMs + STANDS_DOWN_MS);
    line.silent = true;
    await sleep(forMs);
    line.silent = false;
    await sleep(STANDS_DOWN_MS);
  }

  /** One of a gateway's two connections to Redis stands still, and is not closed. */
  async #hold(index: number, connection: number, forMs: number): Promise<void> {
    this.#options.upstreams.excuse(nowMs() + forMs + STANDS_DOWN_MS);
    const held = this.#member(index).line.hold(connection);
    await sleep(forMs);
    held[Symbol.dispose]();
    await sleep(STANDS_DOWN_MS);
  }

  #expectTakeover(what: string, leader: number, limitMs: number): void {
    const { lines, takeovers } = this.#options;
    const clients = lines.filter(({ at, hasTicks }) => at !== leader && hasTicks).map(({ name }) => name);
    takeovers.begin({ what, limitMs, sinceMs: nowMs() }, clients);
  }

  #disturbClientsOf(index: number, forMs: number): void {
    for (const { at, name } of this.#options.lines) if (at === index) this.#clientUntilMs.set(name, nowMs() + forMs);
  }

  #member(index: number): Member {
    const member = this.#options.members[index];
    if (member === undefined) throw new RangeError(`there is no gateway ${index}`);
    return member;
  }

  async #leader(): Promise<number> {
    const leads = await Promise.all(
      this.#options.members.map(({ gateway }) => metricOf(gateway.http, 'tickgraph_bus_leader').catch(() => 0)),
    );
    return Math.max(0, leads.indexOf(1));
  }

  #note(text: string): void {
    this.history.push(`${new Date().toISOString()} ${text}`);
    if (this.history.length > KEPT) this.history.shift();
  }
}
