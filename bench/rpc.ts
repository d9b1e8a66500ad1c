import { fork, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

// Calls between the parent and its two children use the IPC channel that Node gives them, one call at a time.

interface Call {
  readonly call: string;
  readonly argument: unknown;
}

type Answer = { readonly result: unknown } | { readonly error: string };

/** The functions of a child, by name; each has one argument. */
export type CallsOf<Calls> = { readonly [Name in keyof Calls]: (argument: never) => unknown };

/** Runs in a child: answers the parent's calls until the parent has ended, and then ends. */
export function serveCalls<Calls extends CallsOf<Calls>>(calls: Calls): void {
  const byName = new Map<string, (argument: never) => unknown>(Object.entries(calls));
  process.on('message', ({ call, argument }: Call) => {
    const answer = async (): Promise<Answer> => {
      try {
        return { result: await byName.get(call)?.(argument as never) };
      } catch (error) {
        return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
      }
    };
    void answer().then((answered) => process.send?.(answered));
  });
  process.on('disconnect', () => {
    process.exit(0);
  });
}

export interface ChildOptions {
  readonly file: string;
  /** The core to which it is pinned, if `taskset` is available; null for any core. */
  readonly core: number | null;
  readonly nodeFlags: readonly string[];
}

const DEFAULT_DEADLINE_MS = 30_000;

/** A child process that answers calls. Whoever starts it closes it. */
export class Child<Calls extends CallsOf<Calls>> implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #file: string;

  constructor(options: ChildOptions) {
    this.#file = options.file;
    this.#process = start(options);
  }

  /** Rejects if the child throws, ends, or does not answer in time. */
  async call<Name extends keyof Calls & string>(
    name: Name,
    argument: Parameters<Calls[Name]>[0],
    deadlineMs = DEFAULT_DEADLINE_MS,
  ): Promise<Awaited<ReturnType<Calls[Name]>>> {
    const deadline = AbortSignal.timeout(deadlineMs);
    const settled = new AbortController();
    const signal = AbortSignal.any([deadline, settled.signal]);
    if (!this.isAlive) throw new Error(`${this.#file} has ended`);
    const ended = once(this.#process, 'exit', { signal }).then(([code, by]): never => {
      throw new Error(`${this.#file} ended (${String(by ?? code)}) during ${name}`);
    });
    const reply = once(this.#process, 'message', { signal });
    this.#process.send({ call: name, argument });
    try {
      const [answer] = (await Promise.race([reply, ended])) as [Answer];
      if ('error' in answer) throw new Error(`${this.#file}, ${name}: ${answer.error}`);
      return answer.result as Awaited<ReturnType<Calls[Name]>>;
    } catch (error) {
      if (deadline.aborted)
        throw new Error(`${this.#file} did not answer ${name} in ${deadlineMs} ms`, { cause: error });
      throw error;
    } finally {
      settled.abort();
      ended.catch(() => {});
      reply.catch(() => {});
    }
  }

  get isAlive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isAlive) return;
    const exit = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exit;
  }
}

/** True if processes can be pinned to a core. */
export const canPin: boolean =
  process.platform === 'linux' && availableParallelism() >= 2 && spawnSync('taskset', ['-V']).status === 0;

function start({ file, core, nodeFlags }: ChildOptions): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const env = { ...process.env, NODE_ENV: 'production' };
  const options = { env, serialization: 'advanced' } as const;
  if (core === null || !canPin) return fork(path, { ...options, execArgv: [...nodeFlags] });
  return spawn('taskset', ['-c', String(core), process.execPath, ...nodeFlags, path], {
    ...options,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}
