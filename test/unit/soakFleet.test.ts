import { describe, expect, it } from 'vitest';
import { PLAIN_WISH } from '../../bench/soak/clients/wishes.ts';
import { fleetScheduleOf } from '../../bench/soak/fleet/schedule.ts';
import { BrokerHistory } from '../../bench/soak/oracle/BrokerHistory.ts';
import { TakeoverCheck } from '../../bench/soak/oracle/TakeoverCheck.ts';
import { Timeliness } from '../../bench/soak/oracle/Timeliness.ts';
import { UpstreamCheck } from '../../bench/soak/oracle/UpstreamCheck.ts';

describe('the schedule of a fleet', () => {
  const plan = { totalMs: 300_000, clients: 24, gateways: 3 };

  it('is the same for the same seed, and another one for another seed', () => {
    const first = fleetScheduleOf({ ...plan, seed: 3 });
    expect(fleetScheduleOf({ ...plan, seed: 3 })).toEqual(first);
    expect(fleetScheduleOf({ ...plan, seed: 4 })).not.toEqual(first);
  });

  it('kills and stops the leader in turn, and lets half of the clients hop to every gateway', () => {
    const { faults, hops } = fleetScheduleOf({ ...plan, seed: 3 });
    const ends = faults.map(({ kind }) => kind).filter((kind) => /^the leader (?:is killed|stops)$/.test(kind));
    expect(ends.length).toBeGreaterThan(10);
    for (const [n, kind] of ends.entries()) expect(kind).not.toBe(ends[n + 1]);
    expect(new Set(hops.map(({ gateway }) => gateway))).toEqual(new Set([0, 1, 2]));
    expect(new Set(hops.map(({ client }) => client)).size).toBe(12);
  });
});

describe('connections of a fleet to its venue', () => {
  it('are told once for each time that there are two for longer than a lease and the closing take', () => {
    const told: string[] = [];
    const check = new UpstreamCheck((text) => told.push(text));
    for (let atMs = 0; atMs <= 6_000; atMs += 200) check.see(2, atMs);
    expect(told).toEqual([]);
    check.see(2, 6_200);
    check.see(3, 6_400);
    expect(told).toEqual(['2 connections of the fleet for 6200 ms']);
    check.see(1, 6_600);
    for (let atMs = 7_000; atMs <= 14_000; atMs += 200) check.see(2, atMs);
    expect(told).toHaveLength(2);
  });

  it('are no fault while a leader can not hear of another one', () => {
    const told: string[] = [];
    const check = new UpstreamCheck((text) => told.push(text));
    check.see(2, 0);
    check.excuse(5_000);
    check.see(2, 11_000);
    expect(told).toEqual([]);
    check.see(2, 11_200);
    expect(told).toEqual(['2 connections of the fleet for 6200 ms']);
  });
});

describe('a takeover', () => {
  const limited = (): { readonly told: string[]; readonly check: TakeoverCheck } => {
    const told: string[] = [];
    const check = new TakeoverCheck((client, text) => told.push(`${client}: ${text}`));
    check.begin({ what: 'a kill', limitMs: 5_000, sinceMs: 0 }, ['a', 'b']);
    return { told, check };
  };

  it('is too long for a client whose data pauses for longer than promised, or does not come back at all', () => {
    const { check, told } = limited();
    for (let atMs = 500; atMs <= 12_000; atMs += 500) if (atMs < 2_000 || atMs > 7_000) check.note('a', atMs);
    check.end(12_000);
    expect(told).toEqual(['a: without data for 6000 ms after a kill', 'b: without data for 12000 ms after a kill']);
    expect(check.longest.get('a kill')).toEqual([12_000]);
  });

  it('says nothing of a client that has left, and of what comes later', () => {
    const { check, told } = limited();
    check.forget('b');
    for (const atMs of [3_000, 7_500, 12_000, 30_000]) check.note('a', atMs);
    check.end(60_000);
    expect(told).toEqual([]);
    expect(check.longest.get('a kill')).toEqual([4_500]);
  });
});

it('a feed that is live without what the venue has made is told after as long as the run allows', () => {
  const calm = { disturbedUntilMs: () => 0, clientDisturbedUntilMs: () => 0 };
  const wish = { ...PLAIN_WISH, protocol: 'raw', broker: 'binance', symbols: ['BTCUSDT'], types: ['tick'] } as const;
  const silenceMs = { tick: 6_000, trade: 6_000, candle: 6_000, orderbook: 6_000 };
  const [strict, usual] = [{ silenceMs }, {}].map((more) => {
    const timeliness = new Timeliness({ wish, calm, history: new BrokerHistory(), ...more });
    timeliness.open(1);
    return timeliness.judge([{ type: 'tick', sinceMs: 20_000 }], 27_000);
  });
  expect(usual).toEqual([]);
  expect(strict).toEqual(['LIVE, but for 7 s there was no tick, although the venue has had newer ones']);
});
