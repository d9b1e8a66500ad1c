import type { Random } from '../../../src/shared/random.ts';
import { seededRandom } from '../../../src/shared/random.ts';

/** Every second fault is one of these, in turn. */
const LEADER_ENDS = ['the leader is killed', 'the leader stops'] as const;
const OTHERS = [
  'a follower is killed',
  'all are restarted in turn',
  'the leader is frozen',
  'the leader is cut off from Redis',
  'a follower is cut off from Redis',
  'commands of the leader stand still',
  'commands of a follower stand still',
  'subscriptions of the leader stand still',
  'subscriptions of a follower stand still',
  'Redis is restarted',
  'Redis is frozen',
  'Redis forgets everything',
  'Redis ends subscriptions',
] as const;

export type FleetFaultKind = (typeof LEADER_ENDS)[number] | (typeof OTHERS)[number];

export interface FleetFault {
  readonly kind: FleetFaultKind;
  /** From the end of the fault before. */
  readonly afterMs: number;
  /** How long it lasts, if it is one that lasts. */
  readonly forMs: number;
}

/** A client's connection is cut, and the next one is to this gateway. */
export interface Hop {
  readonly atMs: number;
  readonly client: number;
  readonly gateway: number;
}

export interface FleetSchedule {
  /** One after the other, as many as there is time for. */
  readonly faults: readonly FleetFault[];
  readonly hops: readonly Hop[];
}

export interface FleetScheduleOptions {
  readonly seed: number;
  readonly totalMs: number;
  readonly clients: number;
  readonly gateways: number;
}

const AFTER_MS: readonly [number, number] = [5_000, 10_000];
const FIRST_AFTER_MS = 2_500;
const FOR_MS: readonly [number, number] = [500, 5_500];
/** Every second client stays where it is, as long as it can. The others stay so long. */
const STAY_MS: readonly [number, number] = [2_000, 20_000];

/** Everything that will happen to a fleet and its clients: the same for the same options. */
export function fleetScheduleOf({ seed, totalMs, clients, gateways }: FleetScheduleOptions): FleetSchedule {
  const random = seededRandom(seed);
  const faults: FleetFault[] = [];
  const turn = Math.floor(random() * LEADER_ENDS.length);
  for (let afterMs = FIRST_AFTER_MS, sumMs = afterMs; sumMs < totalMs; sumMs += afterMs) {
    const n = faults.length;
    const kind =
      n % 2 === 0 ? LEADER_ENDS[(n / 2 + turn) % LEADER_ENDS.length] : OTHERS[Math.floor(random() * OTHERS.length)];
    if (kind === undefined) throw new RangeError('nothing to choose from');
    faults.push({ kind, afterMs, forMs: between(random, FOR_MS) });
    afterMs = between(random, AFTER_MS);
  }
  const hops: Hop[] = [];
  for (let client = 1; client < clients; client += 2) {
    for (let atMs = between(random, STAY_MS); atMs < totalMs; atMs += between(random, STAY_MS))
      hops.push({ atMs, client, gateway: Math.floor(random() * gateways) });
  }
  return { faults, hops };
}

function between(random: Random, [min, max]: readonly [number, number]): number {
  return Math.round(min + random() * (max - min));
}
