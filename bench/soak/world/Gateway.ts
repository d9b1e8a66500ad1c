import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../../test/support/freePort.ts';
import { logLines } from '../../../test/support/logLines.ts';
import { ADMIN_KEY } from '../config.ts';
import { nowMs } from './venueMessages.ts';
import { parseSample } from './samples.ts';
import type { Sample } from './samples.ts';

const LAUNCHER = fileURLToPath(new URL('../../../bin/tickgraph.cjs', import.meta.url));
/** Each start takes half the time with it. */
const COMPILE_CACHE = fileURLToPath(new URL('../../../node_modules/.cache/node-compile-cache', import.meta.url));
/** The young generation has its full size from the start, so that growth of memory is memory that is really kept. */
const FLAGS = ['--min-semi-space-size=16', '--max-semi-space-size=16', '--inspect=127.0.0.1:0'];
const START_MS = 30_000;
/** `server.shutdownTimeoutMs`, and what a busy machine adds. */
const STOP_MS = 10_000;
/** The file is read every five seconds at the latest. */
const EDIT_MS = 15_000;
/** What the log says of a configuration file that was read again. */
const RELOADS: ReadonlyMap<string, 'valid' | 'invalid'> = new Map([
  ['the configuration has changed', 'valid'],
  ['the configuration was read again', 'valid'],
  ['the configuration is not valid; the gateway goes on with the one it has', 'invalid'],
]);
const KEPT_LINES = 400;
const ALARMING: readonly unknown[] = ['error', 'fatal', 50, 60];

export interface GatewayOptions {
  readonly folder: string;
  /** Everything but the port, as it is at present. */
  readonly config: () => Readonly<Record<string, unknown>>;
  /** Called when it ended without being told to, or did not end as it should. */
  readonly onFault: (text: string) => void;
}

/** The gateway in a process of its own, always on the same port. Whoever starts it disposes of it. */
export class Gateway implements AsyncDisposable {
  readonly port: number;
  /** How often it has been started. */
  lives = 0;
  startedAtMs = 0;
  readonly #options: GatewayOptions;
  #child: ChildProcess | null = null;
  #inspector: string | null = null;
  #lines: string[] = [];
  #rest = '';
  #onReload: ((outcome: 'valid' | 'invalid') => void) | null = null;
  /** Lines of the level error or above, without those that repeat. */
  readonly errors = new Map<string, number>();

  private constructor(options: GatewayOptions, port: number) {
    this.#options = options;
    this.port = port;
  }

  static async start(options: GatewayOptions): Promise<Gateway> {
    const gateway = new Gateway(options, await freePort());
    await gateway.start();
    return gateway;
  }

  get http(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  /** The last lines of its log. */
  get log(): readonly string[] {
    return this.#lines;
  }

  async start(): Promise<void> {
    const { folder } = this.#options;
    const file = this.#file;
    writeFileSync(file, this.#text);
    const env = { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: COMPILE_CACHE };
    const child = spawn(process.execPath, [...FLAGS, LAUNCHER, 'serve', '--config', file], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#inspector = null;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      reject(new Error(`the gateway does not listen:\n${this.#lines.slice(-20).join('\n')}`));
    }, START_MS);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (text.includes('"listening"')) resolve();
      this.#read(text);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#inspector ??= /(ws:\S+)/.exec(text)?.[1] ?? null;
      this.#read(text);
    });
    child.on('exit', (code, signal) => {
      reject(new Error(`the gateway ended with ${String(code ?? signal)}`));
      if (this.#child === child) this.#options.onFault(`the gateway ended by itself with ${String(code ?? signal)}`);
    });
    await promise;
    clearTimeout(timer);
    this.lives += 1;
    this.startedAtMs = performance.now();
  }

  /** Ends it, with 0 if the signal asks it to end in good order. */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    const exited = once(child, 'exit') as Promise<[number | null]>;
    child.kill(signal);
    const timer = setTimeout(() => {
      this.#options.onFault(`the gateway did not end within ${STOP_MS} ms of ${signal}`);
      child.kill('SIGKILL');
    }, STOP_MS);
    const [code] = await exited;
    clearTimeout(timer);
    if (signal === 'SIGTERM' && code !== 0) this.#options.onFault(`the gateway ended with ${String(code)} on SIGTERM`);
  }

  /**
   * Replaces the configuration file by the present one, or by one that is not valid, and resolves when the log says what came
   * of it. False if it says nothing in time, or something else.
   */
  async edit(what: 'valid' | 'invalid'): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => {
      resolve(false);
    }, EDIT_MS);
    this.#onReload = (outcome) => {
      resolve(outcome === what);
    };
    const text = what === 'valid' ? this.#text : `{ "brokers": { "binance": null }, "unknown": ${nowMs()} }`;
    writeFileSync(`${this.#file}.new`, text);
    renameSync(`${this.#file}.new`, this.#file);
    const done = await promise;
    this.#onReload = null;
    clearTimeout(timer);
    return done;
  }

  suspend(suspended: boolean): void {
    this.#child?.kill(suspended ? 'SIGSTOP' : 'SIGCONT');
  }

  /** Null if it does not answer. */
  async sample(): Promise<Sample | null> {
    try {
      const answer = await fetch(`${this.http}/metrics`, { signal: AbortSignal.timeout(5_000) });
      return parseSample(await answer.text(), performance.now());
    } catch {
      return null;
    }
  }

  /** Collects garbage, so that what is measured next is kept. */
  async collectGarbage(): Promise<void> {
    if (this.#inspector === null) return;
    const socket = new WebSocket(this.#inspector);
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.addEventListener('open', () => {
      socket.send('{"id":1,"method":"HeapProfiler.collectGarbage"}');
    });
    for (const event of ['message', 'error', 'close'] as const)
      socket.addEventListener(event, () => {
        resolve();
      });
    await promise;
    socket.close();
  }

  /** Returns false if the gateway did not do it. */
  async setEnabled(broker: string, enabled: boolean): Promise<boolean> {
    const query = `mutation { setBrokerEnabled(broker: "${broker}", enabled: ${String(enabled)}) { enabled } }`;
    try {
      const answer = await fetch(`${this.http}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': ADMIN_KEY },
        body: JSON.stringify({ query }),
        signal: AbortSignal.timeout(5_000),
      });
      const { errors } = (await answer.json()) as { readonly errors?: unknown };
      return errors === undefined;
    } catch {
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child?.kill('SIGCONT');
    await this.stop('SIGTERM');
  }

  get #file(): string {
    return join(this.#options.folder, 'config.yaml');
  }

  get #text(): string {
    return JSON.stringify({ ...this.#options.config(), server: { port: this.port } });
  }

  #read(text: string): void {
    const whole = this.#rest + text;
    const end = whole.lastIndexOf('\n') + 1;
    this.#rest = whole.slice(end);
    for (const line of logLines(whole.slice(0, end))) {
      const key = String(line['msg']);
      const outcome = RELOADS.get(key);
      if (outcome !== undefined) this.#onReload?.(outcome);
      if (outcome !== undefined || !ALARMING.includes(line['level'])) continue;
      this.errors.set(key, (this.errors.get(key) ?? 0) + 1);
    }
    this.#lines.push(
      ...whole
        .slice(0, end)
        .split('\n')
        .filter((line) => line !== ''),
    );
    this.#lines = this.#lines.slice(-KEPT_LINES);
  }
}
