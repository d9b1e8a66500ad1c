import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { fleetSoak } from '../../bench/soak/fleet/run.ts';
import { LACKS_REDIS } from '../support/lacksRedis.ts';

const out = mkdtempSync(join(tmpdir(), 'tickgraph-soak-test-'));
afterAll(() => {
  rmSync(out, { recursive: true });
});

it.skipIf(LACKS_REDIS)(
  'a soak of a fleet finds trades that are taken away from one client, and nothing wrong with what others are sent',
  async () => {
    const options = { mode: 'fleet', totalMs: 9_000, restarts: true, out, seed: 2, clients: 12, plant: true } as const;
    const { report, violations } = await fleetSoak(options, () => undefined);
    const found = violations.all.map(({ client, text }) => `${client}: ${text}`);
    expect(found.length).toBeGreaterThan(0);
    for (const text of found)
      expect(text).toMatch(/^client 12 \(raw\) BTCUSDT: trades \d+ to \d+ are missing, and no gap was told$/);
    expect(report).toMatch(/the leader (?:is killed|stops) \| 1 \|/);
  },
);
