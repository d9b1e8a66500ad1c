import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { VenueFault } from '../schedule.ts';
import type { FromVenue, ToVenue, VenueReport, VenueSettings, VenueStarted } from './venueMessages.ts';

/** Called with what the venues have made, and how many WebSockets to Binance are open. */
type OnReport = (report: VenueReport, sockets: number) => void;

/** Both venues in a process of their own. Whoever starts it disposes of it. */
export class VenueProcess implements AsyncDisposable {
  readonly started: VenueStarted;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, started: VenueStarted) {
    this.#child = child;
    this.started = started;
  }

  static async start(settings: VenueSettings, onReport: OnReport): Promise<VenueProcess> {
    const file = fileURLToPath(new URL('venue.ts', import.meta.url));
    const child = fork(file, [JSON.stringify(settings)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const { promise, resolve, reject } = Promise.withResolvers<VenueStarted>();
    child.on('message', (message: FromVenue) => {
      if ('report' in message) onReport(message.report, message.sockets);
      else resolve(message.started);
    });
    child.on('exit', (code) => {
      reject(new Error(`the venues ended with ${String(code)}`));
    });
    return new VenueProcess(child, await promise);
  }

  apply(fault: VenueFault): void {
    const message: ToVenue = { fault };
    this.#child.send(message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}
