import { existsSync, globSync, renameSync, rmSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const BUILT = `${root}dist/web`;
/** The page is made of these files. */
const SOURCES = ['web/**/*', 'client/*.ts', 'package-lock.json'];

/**
 * Builds the dashboard where it is missing or older than its sources. Where the tools for that are not installed, whatever is
 * there stays, and the answer is false. `say` is told when a build begins, for that takes a second or two.
 */
export async function ensureDashboard(say: (line: string) => void): Promise<boolean> {
  if (!isOutdated()) return true;
  const vite = await import('vite').catch(() => null);
  if (vite === null) return false;
  say('Building the dashboard (dist/web), which takes a second or two.');
  // A gateway that starts meanwhile gets the old files or the new ones, never some of each.
  const outDir = `${BUILT}.${process.pid}`;
  try {
    await vite.build({ configFile: `${root}web/build/vite.config.ts`, build: { outDir } });
    rmSync(BUILT, { recursive: true, force: true });
    renameSync(outDir, BUILT);
    return true;
  } finally {
    rmSync(outDir, { recursive: true, force: true });
  }
}

function isOutdated(): boolean {
  const page = `${BUILT}/index.html.br`;
  if (!existsSync(page)) return true;
  const builtMs = statSync(page).mtimeMs;
  return globSync(SOURCES, { cwd: root }).some((file) => statSync(`${root}${file}`).mtimeMs > builtMs);
}
