import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, matchesGlob, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { parseConfig } from '../../src/config/load.ts';
import { BuiltProject } from '../support/BuiltProject.ts';
import { GatewayProcess, OFFLINE, projectFolder } from '../support/GatewayProcess.ts';

const dockerfile = read('Dockerfile').replaceAll(/\\\n\s*/g, '');
/** The last stage of the Dockerfile, which is the one that runs. */
const lastStage = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));

let built: BuiltProject;
beforeAll(() => {
  built = new BuiltProject();
}, 120_000);
afterAll(() => {
  built[Symbol.dispose]();
});

describe('the image', () => {
  it('copies only what exists and is not ignored', () => {
    const sources = copies(dockerfile).flatMap(({ sources: paths }) => paths);
    expect(sources).toContain('package-lock.json');
    for (const path of sources) {
      expect(existsSync(join(projectFolder, path)), `${path} is there`).toBe(true);
      expect(isIgnored(path), `${path} is in the build's context`).toBe(false);
    }
  });

  it('takes nothing from the working folder that the server does not need', () => {
    for (const path of ['node_modules', 'test', '.git', 'config.yaml', '.env', 'bench']) {
      expect(isIgnored(path), path).toBe(true);
    }
  });

  it('runs without privileges, declares its port and its signal, and starts node itself', () => {
    const config = parseConfig({}, 'defaults');
    expect(lastStage).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
    expect(lastStage).toMatch(config.ok ? new RegExp(`^EXPOSE ${config.config.server.port}$`, 'm') : /never/);
    expect(lastStage).toMatch(/^STOPSIGNAL SIGTERM$/m);
    expect(lastStage).toMatch(/^ENV .*NODE_ENV=production.*$/m);
    expect(lastStage).toMatch(/^ENV .*HOST=0\.0\.0\.0.*$/m);
    expect(command('CMD')[0]).toBe('node');
  });

  it('builds from what the package is built from', () => {
    const parts = readdirSync(built.folder).filter((name) => name !== 'node_modules' && name !== 'dist');
    const copied = copies(dockerfile).flatMap(({ sources }) => sources);
    const documents = ['README.md', 'CHANGELOG.md', 'config.example.yaml'];
    expect(parts.filter((name) => !copied.includes(name)).toSorted()).toEqual(documents.toSorted());
  });

  it('has every package that a module of the server imports', () => {
    const imported = bareImports('src/index.ts');
    expect([...imported].filter((name) => !Object.hasOwn(packageJson.dependencies, name))).toEqual([]);
    expect(imported.size).toBeGreaterThan(5);
  });

  it('serves, is reported healthy, stops on its signal, and writes nothing', async () => {
    const folder = buildImage();
    const configFolder = mkdtempSync(join(tmpdir(), 'tickgraph-config-'));
    try {
      const before = files(folder);
      const [, ...args] = command('CMD');
      await using gateway = new GatewayProcess({ args, cwd: folder, env: { ...OFFLINE, NODE_ENV: 'production' } });
      const { port } = new URL(await gateway.listening());
      const byFile = join(configFolder, 'config.yaml');
      writeFileSync(byFile, `server: { port: ${port} }\n`);
      for (const env of [{ PORT: port }, { TICKGRAPH_CONFIG: byFile }]) expect(await healthCheck(folder, env)).toBe(0);
      gateway.child.kill('SIGTERM');
      expect(await gateway.exited()).toBe(0);
      expect(await healthCheck(folder, { PORT: port })).toBe(1);
      expect(files(folder)).toEqual(before);
    } finally {
      rmSync(folder, { recursive: true });
      rmSync(configFolder, { recursive: true });
    }
  });
});

/** HOST is what the image sets. */
async function healthCheck(folder: string, env: Readonly<Record<string, string>>): Promise<number | string> {
  const [, ...args] = command('HEALTHCHECK.*CMD');
  await using check = new GatewayProcess({ args, cwd: folder, env: { HOST: '0.0.0.0', ...env } });
  return await check.exited();
}

/**
 * A folder with the content of the image: what the last stage copies, and the packages of an install for production.
 */
function buildImage(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tickgraph-image-'));
  for (const { sources, target } of copies(lastStage)) {
    for (const path of sources)
      cpSync(join(projectFolder, path), join(folder, target.endsWith('/') ? target + path : target), {
        recursive: true,
      });
  }
  cpSync(join(built.folder, 'dist'), join(folder, 'dist'), { recursive: true });
  for (const path of productionPackages()) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    symlinkSync(join(projectFolder, path), join(folder, path));
  }
  return folder;
}

/** The folders that `npm ci --omit=dev --omit=optional` installs at the top. */
function productionPackages(): string[] {
  const lock: unknown = JSON.parse(read('package-lock.json'));
  const packages = typeof lock === 'object' && lock !== null && 'packages' in lock ? lock.packages : {};
  return Object.entries(packages ?? {})
    .filter(
      ([, entry]) => !['dev', 'optional', 'devOptional', 'peer'].some((mark) => Reflect.get(entry, mark) === true),
    )
    .map(([path]) => path)
    .filter((path) => path.startsWith('node_modules/') && path.lastIndexOf('node_modules/') === 0);
}

interface Copy {
  readonly sources: readonly string[];
  readonly target: string;
}

function copies(text: string): Copy[] {
  return [...text.matchAll(/^COPY (?!--from)(.+)$/gm)].map(([, words = '']) => {
    const paths = words.trim().split(/\s+/);
    return { sources: paths.slice(0, -1), target: paths.at(-1) ?? '' };
  });
}

/** The list form of an instruction of the last stage. */
function command(instruction: string): string[] {
  const [, list = 'null'] = new RegExp(`^${instruction} (\\[.*\\])$`, 'm').exec(lastStage) ?? [];
  const parsed: unknown = JSON.parse(list);
  if (!Array.isArray(parsed)) throw new Error(`${instruction} is not in the list form`);
  return parsed.map(String);
}

/** Decides as Docker does: the last line that matches a path or a folder above it counts. */
function isIgnored(path: string): boolean {
  let ignored = false;
  for (const line of read('.dockerignore').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const pattern = line.replace(/^!/, '');
    if (matchesGlob(path, pattern) || path.startsWith(`${pattern}/`) || pattern === '*')
      ignored = !line.startsWith('!');
  }
  return ignored;
}

const IMPORTS = [/^(?:import|export)(?! type)[^;'"]*?from '([^']+)'/gm, /^import '([^']+)'/gm, /import\('([^']+)'\)/g];

/** The packages imported, other than for their types, by a module and all our modules that it imports. */
function bareImports(entry: string): Set<string> {
  const found = new Set<string>();
  const seen = new Set<string>();
  const walk = (path: string): void => {
    if (seen.has(path) || !path.endsWith('.ts')) return;
    seen.add(path);
    const text = read(path);
    for (const [, specifier = ''] of IMPORTS.flatMap((pattern) => [...text.matchAll(pattern)])) {
      if (specifier.startsWith('.')) walk(join(dirname(path), specifier));
      else if (!specifier.startsWith('node:')) found.add(/^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier);
    }
  };
  walk(entry);
  return found;
}

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted();
}

function read(path: string): string {
  return readFileSync(resolve(projectFolder, path), 'utf8');
}
