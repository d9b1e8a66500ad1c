import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { systemFiles } from '../../src/cli/FileWatch.ts';
import { ProcessOutput } from '../../src/cli/ProcessOutput.ts';
import { runCommand } from '../../src/cli/program.ts';
import { MarketDataServer } from '../../src/MarketDataServer.ts';
import { BoundedOutput } from '../../src/shared/BoundedOutput.ts';
import { systemClock } from '../../src/shared/clock.ts';
import type { Logger } from '../../src/shared/logger.ts';
import { systemRandom } from '../../src/shared/random.ts';
import { tickDraft } from './GraphqlGateway.ts';
import { brokerContext, ScriptedBroker, TRAITS } from './ScriptedBroker.ts';

// This script is the gateway with some more brokers. The first adapter of each does something bad as soon as something is
// wanted from it: one logs far more than any pipe holds, the others fail.

const SECRET = 'https://user:canary@venue.example';

/** No caller can catch what these throw, except for the first. */
const FAULTS: Readonly<Record<string, (logger: Logger) => void>> = {
  call() {
    throw new Error(`thrown by a call: ${SECRET}`);
  },
  timer() {
    setTimeout(() => {
      throw new Error(`thrown by a timer: ${SECRET}`);
    }, 1);
  },
  promise() {
    void Promise.reject(new Error(`rejected: ${SECRET}`));
  },
  event() {
    const server = createServer().listen(0, '127.0.0.1', () => {
      server.close();
      throw new Error(`thrown by an event: ${SECRET}`);
    });
  },
  noise(logger) {
    for (let n = 0; n < 30_000; n += 1) logger.info({ text: 'x'.repeat(100) }, 'noise');
  },
};

class FaultyBroker extends ScriptedBroker {
  fault: (() => void) | null = null;

  protected override reconcile(): void {
    if (this.wanted.size === 0) return;
    this.fault?.();
    for (const feed of this.wanted) this.sink.onEvent(feed, tickDraft('100'));
  }
}

function addFaultyBroker({ manager }: MarketDataServer, id: string, fault: () => void): void {
  let made = 0;
  manager.addBroker({
    id,
    enabled: true,
    traits: { ...TRAITS, kind: 'faulty' },
    shared: (sink) => {
      const adapter = new FaultyBroker(brokerContext(id, sink));
      adapter.fault = made === 0 ? fault : null;
      made += 1;
      adapter.lists('BTCUSDT');
      sink.onStatus({ kind: 'connected' });
      return adapter;
    },
    clients: null,
  });
}

process.exitCode = await runCommand(['serve'], {
  version: '0.0.0',
  env: process.env,
  cwd: process.cwd(),
  clock: systemClock,
  output: new BoundedOutput(process.stdout),
  errorOutput: new BoundedOutput(process.stderr),
  dataOutput: new ProcessOutput(process.stdout),
  random: systemRandom,
  events: process,
  readFile: (path) => readFileSync(path, 'utf8'),
  files: systemFiles,
  start: async (options) => {
    const server = await MarketDataServer.start(options);
    for (const [id, fault] of Object.entries(FAULTS)) {
      addFaultyBroker(server, id, () => {
        fault(options.logger);
      });
    }
    return server;
  },
  exit: (code) => process.exit(code),
});
