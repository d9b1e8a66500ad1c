import { ensureDashboard } from '../../web/build/ensure.ts';

/** Builds the dashboard once for all test files, where it is missing or old. */
export async function setup(): Promise<void> {
  await ensureDashboard((line) => {
    console.log(line);
  });
}
