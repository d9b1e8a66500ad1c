import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { projectFolder } from './GatewayProcess.ts';

const run = promisify(execFile);

const packageFile = z.object({
  dependencies: z.record(z.string(), z.string()).default({}),
  devDependencies: z.record(z.string(), z.string()).default({}),
});

/** Returns the packages that an example's package.json names, with their versions. */
export function packagesOf(example: string): Readonly<Record<string, string>> {
  const text = readFileSync(join(projectFolder, 'examples', example, 'package.json'), 'utf8');
  const { dependencies, devDependencies } = packageFile.parse(JSON.parse(text));
  return { ...dependencies, ...devDependencies };
}

/**
 * A copy of an example in a folder of its own, as somebody has it who copied it and ran `npm install`: it finds the packages that
 * its package.json names, and no others. They are links to those of this project, and `tickgraph` is the project itself.
 */
export class InstalledExample implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'tickgraph-example-'));

  constructor(example: string) {
    const isOwn = (path: string): boolean => !/[\\/](node_modules|dist)$/.test(path);
    cpSync(join(projectFolder, 'examples', example), this.folder, { recursive: true, filter: isOwn });
    for (const name of Object.keys(packagesOf(example))) {
      const link = join(this.folder, 'node_modules', name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(name === 'tickgraph' ? projectFolder : join(projectFolder, 'node_modules', name), link);
    }
  }

  /** Changes one of its files. */
  edit(file: string, change: (text: string) => string): void {
    const path = join(this.folder, file);
    writeFileSync(path, change(readFileSync(path, 'utf8')));
  }

  /** Builds its page for the gateway at this URL, as `npm run build` does, and returns the folder of the result. */
  async build(gatewayUrl: string): Promise<string> {
    writeFileSync(join(this.folder, '.env'), `VITE_GATEWAY_URL=${gatewayUrl}\n`);
    // In a process of its own, because Vite builds something else where NODE_ENV says that this is a test.
    const vite = join(projectFolder, 'node_modules', 'vite', 'bin', 'vite.js');
    await run(process.execPath, [vite, 'build'], { cwd: this.folder, env: { PATH: process.env['PATH'] } });
    return join(this.folder, 'dist');
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}
