import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A tick of the kernel's clock. */
const TICK_US = 10_000;

/** Runs a file of this folder with one argument. Whoever starts it disposes of it. */
export class ScaleProcess implements AsyncDisposable {
  readonly #child: ChildProcess;

  constructor(file: string, wish: object) {
    this.#child = fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(wish)], {
      env: { ...process.env, NODE_ENV: 'production' },
      execArgv: ['--max-semi-space-size=16'],
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The answer that it gives to any message. */
  async ask<Answer>(): Promise<Answer> {
    const answer = once(this.#child, 'message');
    this.#child.send('figures');
    const [message] = (await answer) as [Answer];
    return message;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }
}

/** The CPU time of a process until now, in microseconds: all of its threads, in the kernel, too. */
export function cpuUs(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}
