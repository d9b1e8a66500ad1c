// `npm run build`: what the package contains beside its documents. Nothing of it is used when the gateway runs from source.

import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ensureDashboard } from './web/build/ensure.ts';

const root = new URL('.', import.meta.url);
const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'));

for (const folder of ['client', 'schema', 'src'])
  rmSync(new URL(`dist/${folder}`, root), { recursive: true, force: true });
execFileSync(process.execPath, [tsc, '--project', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
cpSync(new URL('schema', root), new URL('dist/schema', root), { recursive: true });
await ensureDashboard((line) => {
  process.stdout.write(`${line}\n`);
});
