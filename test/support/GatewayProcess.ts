import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { logLines } from './logLines.ts';
import { waitFor } from './waitFor.ts';

export const projectFolder = fileURLToPath(new URL('../../', import.meta.url));

export interface GatewayProcessOptions {
  /** @default ['src/index.ts', 'serve'] */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** @default the project's own folder */
  readonly cwd?: string;
  /** @default the Node that runs the tests */
  readonly command?: string;
  /** True: it leads a group of processes, as at a terminal. */
  readonly leadsGroup?: boolean;
}

/** Lets Node keep what it has compiled, for every process of every test: each begins in half the time. */
const COMPILE_CACHE = `${projectFolder}node_modules/.cache/node-compile-cache`;

/** Serves the mock brokers alone, on a free port of loopback. */
export const OFFLINE = {
  HOST: '127.0.0.1',
  PORT: '0',
  TICKGRAPH_BROKERS__BINANCE: 'null',
  TICKGRAPH_BROKERS__OANDA: 'null',
};

/** The gateway as a process of its own, with nothing of this one's environment but PATH. Whoever starts it disposes of it. */
export class GatewayProcess implements AsyncDisposable {
  readonly child: ChildProcess;
  out = '';
  err = '';
  readonly #exited: Promise<number | string>;
  readonly #leadsGroup: boolean;

  constructor({
    args = ['src/index.ts', 'serve'],
    env = OFFLINE,
    cwd = projectFolder,
    command,
    leadsGroup = false,
  }: GatewayProcessOptions = {}) {
    this.#leadsGroup = leadsGroup;
    const path = [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);
    this.child = spawn(command ?? process.execPath, args, {
      cwd,
      env: { PATH: path, NODE_COMPILE_CACHE: COMPILE_CACHE, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: leadsGroup,
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.out += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.err += text));
    this.#exited = once(this.child, 'close').then(() => this.child.exitCode ?? String(this.child.signalCode));
  }

  logged(message: string): Record<string, unknown> | undefined {
    return logLines(this.out).find((line) => line['msg'] === message);
  }

  /** The URL of the server, once it listens. */
  async listening(): Promise<string> {
    const line = await waitFor(() => {
      if (this.child.exitCode !== null) throw new Error(`ended with ${this.child.exitCode}: ${this.out}${this.err}`);
      return this.logged('listening');
    }, 'the line that says that it listens');
    return String(line['http']);
  }

  /** Sends the signal to its whole group if it leads one, as Ctrl+C does. */
  kill(signal: NodeJS.Signals): void {
    const { pid } = this.child;
    if (this.#leadsGroup && pid !== undefined) process.kill(-pid, signal);
    else this.child.kill(signal);
  }

  /** Its exit code, or the name of the signal that killed it, once it ended and all that it printed was read. */
  exited(): Promise<number | string> {
    return this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.kill('SIGKILL');
    await this.#exited;
  }
}
