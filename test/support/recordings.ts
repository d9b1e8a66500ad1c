import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../../shared/venues/', import.meta.url));

/**
 * True if the real recordings are beside the project. If they are not, tests that need them are skipped and say so; a
 * CI run is not allowed to skip them.
 */
export const hasRecordings: boolean = existsSync(folder);

if (!hasRecordings) {
  if (process.env['CI'])
    throw new Error('the recordings (../shared/venues) are missing, and CI may not skip their tests');
  console.warn('skipped: tests of real recordings, for there is no folder ../shared/venues beside the project');
}

export function recordingText(path: string): string {
  return readFileSync(`${folder}${path}`, 'utf8');
}

/** The files in one venue's folder, as `recordingText` takes them, without subfolders. */
export function recordingPaths(venue: string): string[] {
  const entries = readdirSync(`${folder}${venue}`, { withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => `${venue}/${name}`);
}

export function recordingJson(path: string): unknown {
  return JSON.parse(recordingText(path));
}

/** The records of a `.jsonl` file. */
export function recordingLines(path: string): unknown[] {
  return recordingText(path)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
}
