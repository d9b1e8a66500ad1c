import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { GatewayProcess, OFFLINE, projectFolder } from '../support/GatewayProcess.ts';

const folder = mkdtempSync(join(tmpdir(), 'tickgraph-launcher-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Makes the Node that loads it believe that it is of this version. */
function pretending(version: string): string {
  const file = join(folder, `${version}.cjs`);
  writeFileSync(
    file,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });
     Object.defineProperty(process, 'version', { value: 'v${version}' });`,
  );
  return file;
}

describe('the launcher', () => {
  it.each(['8.17.0', '20.20.2', '24.14.9'])(
    'says in one line which Node is needed if it runs on Node %s',
    async (version) => {
      await using launcher = new GatewayProcess({
        args: ['--require', pretending(version), 'bin/tickgraph.cjs', 'serve'],
      });
      expect(await launcher.exited()).toBe(1);
      expect(launcher.err).toMatch(
        new RegExp(`^tickgraph needs Node 24\\.15 or newer, and this is Node ${version}\\. .*npm start.*\\n$`),
      );
      expect(launcher.out).toBe('');
    },
  );

  it('needs nothing itself that an old Node lacks', () => {
    const text = readFileSync(join(projectFolder, 'bin/tickgraph.cjs'), 'utf8');
    expect(text).not.toMatch(/=>|`|\b(?:const|let|class|async|await|import)\b|\?\.|\.\.\.|node:/);
    expect(packageJson.scripts.start).toContain('bin/tickgraph.cjs serve');
  });

  it.each(['24.15.0', '26.0.0'])('runs the gateway on Node %s', async (version) => {
    await using gateway = new GatewayProcess({
      args: ['--require', pretending(version), 'bin/tickgraph.cjs', '--version'],
      env: OFFLINE,
    });
    expect(await gateway.exited()).toBe(0);
    expect(gateway.out).toBe(`${packageJson.version}\n`);
  });

  it('comes without a warning of npm ci about every package, whatever Node the system has', async () => {
    mkdirSync(join(folder, 'tools/node'), { recursive: true });
    for (const file of ['package.json', 'package-lock.json', '.npmrc', 'tools/node/package.json']) {
      copyFileSync(join(projectFolder, file), join(folder, file));
    }
    const { stdout, stderr } = await promisify(execFile)(
      'npm',
      ['ci', '--dry-run', '--offline', '--ignore-scripts', '--no-audit'],
      {
        cwd: folder,
        env: {
          PATH: [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
          HOME: folder,
          NODE_OPTIONS: `--require ${pretending('20.20.2')}`,
        },
      },
    );
    expect(stderr).toBe('');
    expect(stdout).not.toContain('EBADENGINE');
  });
});
