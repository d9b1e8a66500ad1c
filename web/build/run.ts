import { ensureDashboard } from './ensure.ts';

// `npm start` goes on without a dashboard: the gateway is what counts.
await ensureDashboard((line) => {
  process.stdout.write(`${line}\n`);
}).catch((error: unknown) => {
  process.stderr.write(`The dashboard could not be built: ${String(error)}\n`);
});
