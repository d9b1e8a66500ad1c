import { EventEmitter } from 'node:events';
import { differenceOf } from '../../../src/config/difference.ts';
import type { Config } from '../../../src/config/schema.ts';
import type { RunningServer, StartOptions, CommandContext } from '../../../src/cli/process.ts';
import { logLines } from '../../support/logLines.ts';
import { FakeClock } from '../../support/FakeClock.ts';

/** A stand-in for the process of a command. It collects what is printed and started, and can send signals. */
export class FakeProcess implements CommandContext {
  readonly version = '1.2.3';
  readonly cwd = '/etc/tickgraph';
  readonly clock = new FakeClock();
  readonly events = new EventEmitter();
  readonly exits: number[] = [];
  readonly started: StartOptions[] = [];
  readonly env: Readonly<Record<string, string>>;
  readonly #files: Readonly<Record<string, string>>;
  out = '';
  err = '';
  closes = 0;
  /** True: folders can't be watched. */
  isUnwatchable = false;
  readonly #watchers = new Set<(name: string | null) => void>();
  /** The configurations that were to be applied, and what came of every reading. */
  readonly applied: Config[] = [];
  readonly outcomes: string[] = [];
  /** Called by `start`. */
  onStart = (): Promise<void> => Promise.resolve();
  /** Called when a configuration is to be applied. */
  onReconfigure = (): void => undefined;
  /** Called when the server is closed. */
  onClose = (): Promise<void> => Promise.resolve();

  constructor(env: Readonly<Record<string, string>> = {}, files: Readonly<Record<string, string>> = {}) {
    this.env = env;
    this.#files = files;
  }

  readonly output = { isTTY: false, write: (line: string): boolean => ((this.out += line), true) };
  readonly errorOutput = { isTTY: false, write: (line: string): boolean => ((this.err += line), true) };
  readonly dataOutput = {
    isTTY: false,
    isGone: false,
    size: { columns: 80, rows: 24 },
    write: (text: string): 'taken' => ((this.out += text), 'taken'),
    onChange: (): Disposable => ({ [Symbol.dispose]: () => undefined }),
  };
  readonly random = (): number => 0.5;
  readonly exit = (code: number): void => {
    this.exits.push(code);
  };
  readonly readFile = (path: string): string => {
    const text = this.#files[path];
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return text;
  };
  readonly files = {
    read: async (path: string): Promise<string> => this.readFile(path),
    watch: (_folder: string, changed: (name: string | null) => void): Disposable => {
      if (this.isUnwatchable) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
      this.#watchers.add(changed);
      return { [Symbol.dispose]: () => void this.#watchers.delete(changed) };
    },
  };
  readonly start = async (options: StartOptions): Promise<RunningServer> => {
    this.started.push(options);
    await this.onStart();
    return {
      urls: { http: 'http://127.0.0.1:4000', graphql: 'http://127.0.0.1:4000/graphql', raw: 'ws://127.0.0.1:4000/ws' },
      parts: {
        brokers: [
          { id: 'binance', kind: 'binance', synthetic: false, state: 'connecting' },
          { id: 'mock', kind: 'mock-binance', synthetic: true, state: 'connected' },
        ],
        bus: { engine: 'memory', state: 'ok' },
      },
      reconfigure: (next) => {
        this.onReconfigure();
        const running = this.applied.at(-1) ?? options.config;
        this.applied.push(next);
        return differenceOf({ started: options.config, running, next });
      },
      countReload: (outcome) => void this.outcomes.push(outcome),
      close: () => {
        this.closes += 1;
        return this.onClose();
      },
    };
  };

  /** How many folders are watched. */
  get watched(): number {
    return this.#watchers.size;
  }

  /** Something called so has changed in a watched folder. */
  stir(name: string | null): void {
    for (const changed of this.#watchers) changed(name);
  }

  /** The log so far. */
  get log(): Record<string, unknown>[] {
    return logLines(this.out);
  }

  logged(message: string): Record<string, unknown> | undefined {
    return this.log.find((line) => line['msg'] === message);
  }

  /** How many listeners are left on the process. */
  get listeners(): number {
    return this.events.eventNames().reduce((sum, name) => sum + this.events.listenerCount(name), 0);
  }
}
