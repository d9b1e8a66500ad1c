import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import { freePort } from './freePort.ts';
import { REDIS, RedisServer } from './RedisServer.ts';
import { waitFor } from './waitFor.ts';

const COUNT = 3;
const DOWN_AFTER_MS = 1_000;

/** A server, a replica of it, and three Sentinels that make the replica the master if the server dies. */
export class SentinelSet implements AsyncDisposable {
  readonly master: RedisServer;
  readonly #stack: AsyncDisposableStack;
  readonly #ports: readonly number[];

  private constructor(master: RedisServer, ports: readonly number[], stack: AsyncDisposableStack) {
    this.master = master;
    this.#ports = ports;
    this.#stack = stack;
  }

  static async start(): Promise<SentinelSet> {
    await using stack = new AsyncDisposableStack();
    const master = stack.use(await RedisServer.start());
    stack.use(await RedisServer.start(['--replicaof', '127.0.0.1', String(master.port)]));
    const folder = mkdtempSync(join(tmpdir(), 'tickgraph-sentinels-'));
    stack.defer(() => {
      rmSync(folder, { recursive: true });
    });
    const ports: number[] = [];
    for (let n = 0; n < COUNT; n += 1) {
      const port = await freePort();
      ports.push(port);
      const file = join(folder, `sentinel-${n}.conf`);
      const lines = [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${folder}`,
        `sentinel monitor main 127.0.0.1 ${master.port} 2`,
        `sentinel down-after-milliseconds main ${DOWN_AFTER_MS}`,
        'sentinel failover-timeout main 5000',
      ];
      writeFileSync(file, `${lines.join('\n')}\n`);
      const child = spawn(REDIS ?? '', [file, '--sentinel'], { stdio: 'ignore' });
      stack.defer(() => end(child));
    }
    const set = new SentinelSet(master, ports, stack.move());
    await waitFor(() => set.#isComplete(), 'Sentinels that know one another and the replica');
    return set;
  }

  get url(): string {
    const [first, ...others] = this.#ports.map((port) => `127.0.0.1:${port}`);
    return `redis+sentinel://${first}/main?also=${others.join(',')}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  async #isComplete(): Promise<boolean> {
    for (const port of this.#ports) {
      const client = createClient({ url: `redis://127.0.0.1:${port}`, socket: { reconnectStrategy: false } });
      client.on('error', () => undefined);
      try {
        await client.connect();
        const text = JSON.stringify(await client.sendCommand(['INFO', 'sentinel']));
        if (!text.includes(`slaves=1,sentinels=${COUNT}`)) return false;
      } catch {
        return false;
      } finally {
        if (client.isOpen) client.destroy();
      }
    }
    return true;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
