import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createClient } from '@redis/client';
import { freePort } from './freePort.ts';
import { waitFor } from './waitFor.ts';

const FOLDERS = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'];

/** The programs of this machine that are a Redis: redis-server, valkey-server, both or none. */
export const REDIS_PROGRAMS: readonly string[] = ['redis-server', 'valkey-server'].flatMap(
  (name) => FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? [],
);
/** The program that tests run for which any will do; undefined if this machine has none. */
export const [REDIS] = REDIS_PROGRAMS;

/** A real server in a folder of its own, on a port of loopback. Its starter disposes of it. */
export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), 'tickgraph-redis-'));
  readonly #args: readonly string[];
  readonly #program: string;
  #child: ChildProcess;

  private constructor(port: number, program: string, args: readonly string[]) {
    this.port = port;
    this.#program = program;
    this.#args = args;
    this.#child = this.#spawn();
  }

  static async start(args: readonly string[] = [], program = REDIS): Promise<RedisServer> {
    if (program === undefined) throw new Error('there is neither a redis-server nor a valkey-server on this machine');
    const server = new RedisServer(await freePort(), program, args);
    await server.#accepting();
    return server;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** It stops at once, without a word to anybody. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  /** A new one on the same port, which knows nothing but what was saved. */
  async restart(): Promise<void> {
    await this.kill();
    await this.begin();
  }

  /** Begins again after `kill`. */
  async begin(): Promise<void> {
    this.#child = this.#spawn();
    await this.#accepting();
  }

  /** It keeps its connections and does nothing, until it is thawed. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  /** The answer to one command, over a connection of its own. */
  async ask(...command: readonly string[]): Promise<unknown> {
    const client = createClient({ url: this.url, RESP: 3 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await client.sendCommand([...command]);
    } finally {
      client.destroy();
    }
  }

  /** Every command that the server is given from now on, as it prints them. */
  async monitor(): Promise<{ readonly lines: readonly string[] } & Disposable> {
    const client = createClient({ url: this.url });
    client.on('error', () => undefined);
    await client.connect();
    const lines: string[] = [];
    await client.monitor((line) => lines.push(line));
    return {
      lines,
      [Symbol.dispose]: () => {
        client.destroy();
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.thaw();
    await this.kill();
    rmSync(this.#folder, { recursive: true });
  }

  #spawn(): ChildProcess {
    const place = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#folder];
    const own = [...place, '--save', '', '--daemonize', 'no'];
    return spawn(this.#program, [...own, ...this.#args], { stdio: 'ignore' });
  }

  async #accepting(): Promise<void> {
    await waitFor(() => accepts(this.port), 'Redis to accept connections');
  }
}

function accepts(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, '127.0.0.1');
  socket.once('connect', () => {
    socket.destroy();
    resolve(true);
  });
  socket.once('error', () => {
    resolve(false);
  });
  return promise;
}
