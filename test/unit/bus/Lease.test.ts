import { expect, it } from 'vitest';
import { Lease } from '../../../src/bus/redis/Lease.ts';
import { FakeClock } from '../../support/FakeClock.ts';

/** As much of Redis as leases need: what the scripts do, by the clock of the tests. */
class ScriptedRedis {
  readonly #clock: FakeClock;
  #holder: string | null = null;
  #endsMs = 0;
  #fence = 0;
  isReady = true;
  /** Answers are held back until then. */
  frozen: PromiseWithResolvers<void> | null = null;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  get serverMs(): number {
    return this.#clock.monotonic();
  }

  get holder(): string | null {
    return this.#clock.monotonic() < this.#endsMs ? this.#holder : null;
  }

  readonly run = async (script: string, _keys: readonly string[], values: readonly string[]): Promise<unknown> => {
    await this.frozen?.promise;
    const [node = '', ttl] = values;
    if (script.includes("'incr'")) {
      if (this.serverMs > Number(values[3])) return -1;
      if (this.holder !== null && this.holder !== node) return 0;
      this.#fence = Math.max(this.#fence + 1, Number(values[2]));
    } else if (this.holder !== node) return 0;
    this.#holder = script.includes("'del'") ? null : node;
    this.#endsMs = script.includes("'del'") ? 0 : this.#clock.monotonic() + Number(ttl);
    return script.includes("'incr'") ? this.#fence : 1;
  };
}

function leaseOf(redis: ScriptedRedis, clock: FakeClock, node: string) {
  const heard: string[] = [];
  const lease = new Lease({
    node,
    names: { lease: 'l', fence: 'f', control: 'c' },
    link: redis,
    clock,
    random: () => 0.5,
    onHeld: (fence) => heard.push(`held ${fence}`),
    onLost: () => heard.push('lost'),
    onTaken: () => heard.push('taken'),
  });
  return { lease, heard };
}

/** So much time passes, with everything that is due meanwhile. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    await clock.advance(50);
  }
}

it('is held by the first who asks, as long as it renews it, and then by another one with a greater fence', async () => {
  const clock = new FakeClock();
  const redis = new ScriptedRedis(clock);
  const [a, b] = [leaseOf(redis, clock, 'a'), leaseOf(redis, clock, 'b')];
  a.lease.isWanted = true;
  await pass(clock, 50);
  b.lease.isWanted = true;
  await pass(clock, 10_000);
  expect([redis.holder, a.heard, b.lease.fence]).toEqual(['a', [expect.stringMatching(/^held /) as string], null]);
  const first = a.lease.fence ?? 0;
  await a.lease.release();
  b.lease.try();
  await pass(clock, 100);
  expect(redis.holder).toBe('b');
  expect(b.lease.fence).toBeGreaterThan(first);
});

it('ends by itself before Redis lets another one have it, while Redis is away', async () => {
  const clock = new FakeClock();
  const redis = new ScriptedRedis(clock);
  const { lease, heard } = leaseOf(redis, clock, 'a');
  lease.isWanted = true;
  await pass(clock, 100);
  redis.isReady = false;
  let heldAtEnd = 0;
  for (let ms = 0; ms < 4_000; ms += 50) {
    await pass(clock, 50);
    if (lease.fence !== null) heldAtEnd += redis.holder === 'a' ? 0 : 1;
  }
  expect(heldAtEnd).toBe(0);
  expect(lease.fence).toBeNull();
  expect(heard.at(-1)).toBe('lost');
});

it('is never held by two at a time, whatever is frozen and for how long', async () => {
  const clock = new FakeClock();
  const redis = new ScriptedRedis(clock);
  const all = ['a', 'b', 'c'].map((node) => leaseOf(redis, clock, node));
  for (const { lease } of all) lease.isWanted = true;
  for (let round = 0; round < 20; round += 1) {
    redis.frozen = Promise.withResolvers<void>();
    for (let ms = 0; ms < 700 * (round % 8); ms += 50) {
      await pass(clock, 50);
      expect(all.filter(({ lease }) => lease.fence !== null).length).toBeLessThanOrEqual(1);
    }
    redis.frozen.resolve();
    redis.frozen = null;
    await pass(clock, 2_000);
    expect(all.filter(({ lease }) => lease.fence !== null)).toHaveLength(1);
  }
});

it('is not taken by an attempt that Redis comes to long after it was made', async () => {
  const clock = new FakeClock();
  const redis = new ScriptedRedis(clock);
  redis.frozen = Promise.withResolvers<void>();
  const { lease } = leaseOf(redis, clock, 'a');
  lease.isWanted = true;
  await pass(clock, 5_000);
  lease.isWanted = false;
  redis.frozen.resolve();
  await pass(clock, 50);
  expect(redis.holder).toBeNull();
});

it('is given back at the end, also by one who gets it just then', async () => {
  const clock = new FakeClock();
  const redis = new ScriptedRedis(clock);
  const { lease, heard } = leaseOf(redis, clock, 'a');
  lease.isWanted = true;
  await lease[Symbol.asyncDispose]();
  expect([redis.holder, heard.filter((word) => word.startsWith('held'))]).toEqual([null, []]);
});

it('that Redis has lost is got again, and whoever lost it to another one is told', async () => {
  const clock = new FakeClock();
  const redis = new ScriptedRedis(clock);
  const { lease, heard } = leaseOf(redis, clock, 'a');
  lease.isWanted = true;
  await pass(clock, 100);
  await redis.run("'incr'", [], ['thief', '3000', '9', String(Number.MAX_SAFE_INTEGER)]);
  expect(redis.holder).toBe('a');
  const before = lease.fence ?? 0;
  lease.abandon();
  await pass(clock, 3_000);
  expect(lease.fence).toBeGreaterThan(before);
  expect(heard.filter((word) => word === 'lost')).toHaveLength(1);
});
