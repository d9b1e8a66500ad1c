import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { load, valid } from '../config/support.ts';

const project = fileURLToPath(new URL('../../../', import.meta.url));
const unit = readFileSync(join(project, 'deploy/tickgraph.service'), 'utf8');
/** systemd is no part of many containers. */
const lacksSystemd = spawnSync('systemd-analyze', ['--version']).status !== 0;
if (lacksSystemd) console.warn('there is no systemd-analyze: the unit of systemd is only read');

/** The values of a setting of the unit. */
function values(name: string): string[] {
  return [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value);
}

describe('the unit for systemd', () => {
  it('starts the launcher that the package has, and applies a configuration by the signal for that', () => {
    const [, path = ''] = /tickgraph\/(bin\/\S+) serve$/.exec(values('ExecStart')[0] ?? '') ?? [];
    expect(existsSync(join(project, path))).toBe(true);
    expect(values('ExecReload')).toEqual(['/bin/kill -HUP $MAINPID']);
  });

  it('gives the gateway the time that it takes to stop, and as many files as it may have connections', () => {
    const { limits, server } = valid(load({}));
    expect(Number(values('TimeoutStopSec')[0]) * 1_000).toBeGreaterThan(server.shutdownTimeoutMs + 1_000);
    expect(Number(values('LimitNOFILE')[0])).toBeGreaterThan(2 * limits.connections);
  });

  it('has no privileges, and does not begin again with a configuration that is not valid', () => {
    expect(values('DynamicUser')).toEqual(['yes']);
    expect(values('NoNewPrivileges')).toEqual(['yes']);
    expect(values('ProtectSystem')).toEqual(['strict']);
    expect(values('CapabilityBoundingSet')).toEqual(['']);
    expect(values('RestartPreventExitStatus')).toEqual(['2']);
  });

  it.skipIf(lacksSystemd)('is a valid one, and hardened as systemd itself judges', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tickgraph-unit-'));
    try {
      const file = join(folder, 'tickgraph.service');
      // The machine that runs the test may have its Node elsewhere.
      writeFileSync(file, unit.replace('/usr/bin/node', process.execPath));
      const verified = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
      expect({ status: verified.status, said: verified.stderr }).toEqual({ status: 0, said: '' });
      const judged = execFileSync('systemd-analyze', ['security', '--offline=true', file], { encoding: 'utf8' });
      expect(Number(/exposure level[^:]*: ([\d.]+)/.exec(judged)?.[1])).toBeLessThan(2);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
