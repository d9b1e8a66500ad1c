// `npm run build`: what the package contains beside its documents. Nothing of it is used when the gateway runs from source.

import { execFileSync } from 'node:child_process';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import packageJson from './package.json' with { type: 'json' };
import { ensureDashboard } from './web/build/ensure.ts';

const root = new URL('.', import.meta.url);
const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'));

for (const folder of ['client', 'schema', 'src'])
  rmSync(new URL(`dist/${folder}`, root), { recursive: true, force: true });
execFileSync(process.execPath, [tsc, '--project', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
// The compiler copies the whole file, but only the version is read, and tools take the rest for another package.
const { type, version } = packageJson;
writeFileSync(new URL('dist/package.json', root), `${JSON.stringify({ type, version }, null, 2)}\n`);
cpSync(new URL('schema', root), new URL('dist/schema', root), { recursive: true });
const hasDashboard = await ensureDashboard((line) => {
  process.stdout.write(`${line}\n`);
});
if (!hasDashboard) throw new Error('The dashboard could not be built: its tools are not installed (npm ci).');
