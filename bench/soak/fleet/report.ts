import type { SoakClient } from '../clients/SoakClient.ts';
import type { SoakOptions } from '../options.ts';
import type { Auditor } from '../oracle/Auditor.ts';
import type { TakeoverCheck } from '../oracle/TakeoverCheck.ts';
import type { UpstreamCheck } from '../oracle/UpstreamCheck.ts';
import type { Violations } from '../oracle/Violations.ts';
import { table } from '../report.ts';
import type { Gateway } from '../world/Gateway.ts';
import type { FleetDisturber } from './FleetDisturber.ts';

/** One client of the run, and its judge. */
export interface Seat {
  readonly client: SoakClient;
  readonly auditor: Auditor;
}

export interface FleetRun {
  readonly violations: Violations;
  readonly seats: readonly Seat[];
  readonly gateways: readonly Gateway[];
  readonly disturber: FleetDisturber;
  readonly takeovers: TakeoverCheck;
  readonly upstreams: UpstreamCheck;
}

/** The result as tables in Markdown. */
export function fleetReport(options: SoakOptions, run: FleetRun): string {
  const { disturber, gateways, seats, takeovers, upstreams, violations } = run;
  const sum = (of: (seat: Seat) => number): number => seats.reduce((total, seat) => total + of(seat), 0);
  const took = [...takeovers.longest].map(([what, each]): readonly [string, string] => {
    const sorted = each.toSorted((a, b) => a - b).map(Math.round);
    const median = sorted[Math.floor(sorted.length / 2)];
    return [`longest without data after ${what}, median / worst (ms)`, `${median} / ${sorted.at(-1)}`];
  });
  const rows: (readonly [string, string | number])[] = [
    ['seed', options.seed],
    ['minutes', (options.totalMs / 60_000).toFixed(1)],
    ['clients', seats.length],
    ['events checked', sum(({ auditor }) => auditor.events)],
    ['hops', disturber.hops],
    ['connections of clients', sum(({ client }) => client.connects)],
    ['of these resumed', sum(({ client }) => client.resumes)],
    ['gaps told', sum(({ auditor }) => auditor.gapsTold)],
    ['lives of gateways', gateways.reduce((total, { lives }) => total + lives, 0)],
    ['connections to the venue at a time', upstreams.most],
    ['longest time with more than one, unexplained (ms)', Math.round(upstreams.longestMs)],
    ...took,
    ['violations', violations.all.length],
  ];
  const states = united(seats.map(({ auditor }) => auditor.statesTold));
  const errors = united(gateways.map((gateway) => gateway.errors));
  return [
    table(['what', 'value'], rows),
    table(['fault', 'times'], [...disturber.counts]),
    table(['told to clients', 'times'], [...states]),
    ...(errors.size === 0 ? [] : [table(['error in the logs of gateways', 'times'], [...errors])]),
    ...(violations.kinds.size === 0 ? [] : [table(['violation', 'times'], [...violations.kinds])]),
  ].join('\n');
}

function united(all: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const [key, count] of all.flatMap((each) => [...each])) sums.set(key, (sums.get(key) ?? 0) + count);
  return sums;
}
