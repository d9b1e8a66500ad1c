import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectFolder } from './GatewayProcess.ts';

/** The package and the image are made of these. */
const PARTS = ['bin', 'client', 'schema', 'src', 'tools', 'web', 'LICENSE', 'README.md', 'CHANGELOG.md'];
const FILES = ['package.json', 'package-lock.json', '.npmrc', 'config.example.yaml', 'build.ts'];
const SETTINGS = ['tsconfig.json', 'tsconfig.build.json'];

/** A copy of the project in which `npm run build` has been run: several tests can't write to one folder. */
export class BuiltProject implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'tickgraph-built-'));

  constructor() {
    for (const part of [...PARTS, ...FILES, ...SETTINGS]) {
      cpSync(join(projectFolder, part), join(this.folder, part), { recursive: true });
    }
    symlinkSync(join(projectFolder, 'node_modules'), join(this.folder, 'node_modules'));
    execFileSync(process.execPath, ['build.ts'], { cwd: this.folder, stdio: 'inherit' });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}
