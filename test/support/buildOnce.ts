import { execFileSync } from 'node:child_process';
import { existsSync, globSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDashboard } from '../../web/build/ensure.ts';
import { projectFolder } from './GatewayProcess.ts';

/** Builds once for all test files what some of them use: the dashboard, and tickgraph/client as examples import it. */
export async function setup(): Promise<void> {
  await ensureDashboard((line) => {
    console.log(line);
  });
  if (!isClientBuilt()) {
    const tsc = join(projectFolder, 'node_modules/typescript/bin/tsc');
    execFileSync(process.execPath, [tsc, '--project', 'tsconfig.client.json'], {
      cwd: projectFolder,
      stdio: 'inherit',
    });
  }
}

function isClientBuilt(): boolean {
  const built = join(projectFolder, 'dist/client/index.js');
  if (!existsSync(built)) return false;
  const builtMs = statSync(built).mtimeMs;
  return globSync('client/*.ts', { cwd: projectFolder }).every(
    (file) => statSync(join(projectFolder, file)).mtimeMs <= builtMs,
  );
}
