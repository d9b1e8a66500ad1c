import { systemCode } from '../config/environment.ts';
import { loadConfig } from '../config/load.ts';
import type { Clock } from '../shared/clock.ts';
import { deadline } from '../shared/deadline.ts';
import { reportFaults } from './checkConfig.ts';
import { EXIT_CODES } from './process.ts';
import type { CommandContext } from './process.ts';

/** A gateway that is too busy to answer within this is not healthy. */
const PATIENCE_MS = 4_000;
/** A server that listens on all addresses is asked at loopback. */
const LOOPBACK: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/** Asks the gateway on this machine that has this configuration whether it serves, as the health check of a container does. */
export async function health(file: string | null, context: CommandContext): Promise<number> {
  const result = loadConfig({ ...context, file });
  if (!result.ok) return reportFaults(result.faults, context);
  const { host, port } = result.config.server;
  const address = LOOPBACK[host] ?? host;
  const url = `http://${address.includes(':') ? `[${address}]` : address}:${port}/health`;
  const problem = port === 0 ? 'server.port is 0, any free one' : await problemOf(url, context.clock);
  if (problem === null) context.output.write(`${url} answers\n`);
  else context.errorOutput.write(`tickgraph: ${url} does not answer as it should: ${problem}\n`);
  return problem === null ? EXIT_CODES.ok : EXIT_CODES.failed;
}

/** Why the URL does not answer with success; null if it does. */
async function problemOf(url: string, clock: Clock): Promise<string | null> {
  using patience = deadline(clock, PATIENCE_MS, new AbortController().signal);
  try {
    const { ok, status } = await fetch(url, { signal: patience.signal });
    return ok ? null : `status ${status}`;
  } catch (error) {
    if (patience.isOver) return `no answer within ${PATIENCE_MS} ms`;
    return systemCode(error instanceof Error ? error.cause : error);
  }
}
