import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { Neighbours } from './Neighbours.ts';
import { startGateway } from './startGateway.ts';

const KEY = 'the right key';
const CONFIG = {
  server: { trustedProxies: ['127.0.0.0/8'] },
  auth: { apiKeys: [{ id: 'right', sha256: createHash('sha256').update(KEY).digest('hex') }] },
  brokers: { mock: { kind: 'mock-binance', ticksPerSecond: 5 } },
};
const MANY = 10_000;
/** This many logins run at the same time. */
export const AT_ONCE = 32;
/** Each attempt may leave this many bytes: nothing, as exactly as the heap can be measured. */
const MOST_BYTES_LEFT = 200;
/** The median of the good logins takes less, on a machine that also makes the bad ones. */
const MOST_MS = 500;

/** The headers with which a trusted proxy names its client. */
const from = (address: string) => ({ 'x-forwarded-for': address, 'x-forwarded-proto': 'https' });
const BAD = from('192.0.2.1');
const GOOD = from('192.0.2.2');

/** Logs in once, and returns the outcome: an HTTP status or a close code. */
export type LogIn = (gateway: MarketDataServer, key: string, headers: Record<string, string>) => Promise<number>;

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}

/** Makes `count` bad logins from one address, some at the same time, and counts each outcome. */
async function flood(gateway: MarketDataServer, logIn: LogIn, count: number): Promise<Record<string, number>> {
  const outcomes: Record<string, number> = {};
  let left = count;
  const line = async (): Promise<void> => {
    while ((left -= 1) >= 0) {
      const outcome = await logIn(gateway, `guess-${left}`, BAD);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, line));
  return outcomes;
}

interface GoodLogin {
  readonly code: number;
  readonly ms: number;
}

/** Makes bad logins, and at the same time good ones from elsewhere, one after the other. */
async function underFlood(
  gateway: MarketDataServer,
  logIn: LogIn,
  count: number,
): Promise<{ readonly bad: Record<string, number>; readonly good: readonly GoodLogin[] }> {
  const good: GoodLogin[] = [];
  const over = new AbortController();
  const others = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const started = performance.now();
      const code = await logIn(gateway, KEY, GOOD);
      good.push({ code, ms: performance.now() - started });
    }
  };
  const coming = others();
  const bad = await flood(gateway, logIn, count);
  over.abort();
  await coming;
  return { bad, good };
}

interface LoginCodes {
  readonly good: number;
  readonly bad: number;
  /** The outcome of a login over the limit. */
  readonly limited: number;
}

/**
 * Expects the gateway to check ten of ten thousand bad logins from one address and to keep nothing of them, while
 * clients from elsewhere log in and receive their data.
 */
export async function expectHarmlessFlood(logIn: LogIn, { good, bad, limited }: LoginCodes): Promise<void> {
  await using gateway = await startGateway({ config: CONFIG });
  await using neighbours = await Neighbours.of(gateway);
  const begun = await underFlood(gateway, logIn, MANY / 10);
  expect(begun.bad).toEqual({ [bad]: 10, [limited]: MANY / 10 - 10 });
  const before = heapBytes();
  const { bad: outcomes, good: others } = await underFlood(gateway, logIn, MANY);
  expect((heapBytes() - before) / MANY).toBeLessThan(MOST_BYTES_LEFT);
  expect(outcomes).toEqual({ [limited]: MANY });
  expect(new Set(others.map(({ code }) => code))).toEqual(new Set([good]));
  expect(others.length).toBeGreaterThan(20);
  const tookMs = others.map(({ ms }) => ms).toSorted((a, b) => a - b);
  expect(tookMs[Math.floor(tookMs.length / 2)]).toBeLessThan(MOST_MS);
  await neighbours.receive();
}
