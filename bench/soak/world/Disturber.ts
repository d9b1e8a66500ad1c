import { setTimeout as sleep } from 'node:timers/promises';
import { assertNever } from '../../../src/shared/errors.ts';
import type { SoakClient } from '../clients/SoakClient.ts';
import type { Calm } from '../oracle/Timeliness.ts';
import type { Fault, Line, LineFault, VenueFault } from '../schedule.ts';
import type { ChaosProxy } from './ChaosProxy.ts';
import type { Gateway } from './Gateway.ts';
import { nowMs } from './venueMessages.ts';
import type { VenueProcess } from './VenueProcess.ts';

export interface DisturberOptions {
  readonly gateway: Gateway;
  readonly venues: VenueProcess;
  readonly lines: Readonly<Record<Line, ChaosProxy>>;
  /** Clients may still be added to it. */
  readonly clients: readonly SoakClient[];
}

const KEPT = 100;

/** Carries out the schedule, and remembers what it did and until when that explains anything. */
export class Disturber {
  readonly #options: DisturberOptions;
  /** The faults so far, as text, oldest first. */
  readonly history: string[] = [];
  readonly counts = new Map<string, number>();
  /** How often the mock broker was made anew while the gateway went on. */
  mockLives = 0;
  readonly #brokerUntilMs = new Map<string, number>();
  /** By name. */
  readonly #clientUntilMs = new Map<string, number>();
  /** Restarts and other things of the gateway are done one after the other. */
  #gatewayWork: Promise<void> = Promise.resolve();
  /** Nothing happens to the gateway any more. */
  #ended = false;

  constructor(options: DisturberOptions) {
    this.#options = options;
  }

  calmOf(client: string): Calm {
    return {
      disturbedUntilMs: (broker) => this.#brokerUntilMs.get(broker) ?? 0,
      clientDisturbedUntilMs: () => this.#clientUntilMs.get(client) ?? 0,
    };
  }

  apply(what: Fault): void {
    const kind =
      'fault' in what && typeof what.fault === 'object' ? what.fault.kind : 'fault' in what ? what.fault : 'off';
    const name = `${what.at} ${kind}`;
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    this.history.push(`${new Date().toISOString()} ${JSON.stringify(what)}`);
    if (this.history.length > KEPT) this.history.shift();
    switch (what.at) {
      case 'venue':
        this.#options.venues.apply(what.fault);
        this.#disturb(what.fault.kind.startsWith('oanda') ? 'oanda' : 'binance', lastsMs(what.fault));
        break;
      case 'line':
        this.#break(what.fault);
        break;
      case 'client':
        this.#trouble(what);
        break;
      case 'broker':
        this.#queue(() => this.#disable(what.broker, what.forMs));
        break;
      case 'gateway':
        if (what.fault === 'suspend') this.#queue(() => this.#suspend(what.forMs));
        else this.#queue(() => this.#restart(what.fault === 'kill' ? 'SIGKILL' : 'SIGTERM'));
        break;
      default:
        assertNever(what);
    }
  }

  /** Resolves when nothing is happening to the gateway; nothing will any more. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#gatewayWork;
  }

  #queue(work: () => Promise<void>): void {
    this.#gatewayWork = this.#gatewayWork.then(() => (this.#ended ? undefined : work()));
  }

  async #restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { gateway } = this.#options;
    this.#disturbAll(30_000);
    await gateway.stop(signal);
    await sleep(300);
    await gateway.start();
    this.#disturbAll(5_000);
  }

  async #suspend(forMs: number): Promise<void> {
    const { gateway } = this.#options;
    this.#disturbAll(forMs + 2_000);
    gateway.suspend(true);
    await sleep(forMs);
    gateway.suspend(false);
  }

  async #disable(broker: string, forMs: number): Promise<void> {
    const { gateway } = this.#options;
    this.#disturb(broker, forMs + 1_000);
    await gateway.setEnabled(broker, false);
    await sleep(forMs);
    if (broker === 'mock-binance') this.mockLives += 1;
    for (let attempt = 0; attempt < 5 && !(await gateway.setEnabled(broker, true)); attempt += 1) await sleep(1_000);
  }

  #break(fault: LineFault): void {
    const line = this.#options.lines[fault.line];
    const broker = fault.line.startsWith('oanda') ? 'oanda' : 'binance';
    switch (fault.kind) {
      case 'cut':
        line.cut(fault.afterBytes);
        break;
      case 'finish':
        line.finish();
        break;
      case 'blackhole':
        line.silent = true;
        later(fault.forMs, () => (line.silent = false));
        this.#disturb(broker, fault.forMs);
        break;
      case 'refuse':
        line.refuses = true;
        line.cut();
        later(fault.forMs, () => (line.refuses = false));
        this.#disturb(broker, fault.forMs);
        break;
      case 'delay':
        line.delayMs = fault.byMs;
        later(fault.forMs, () => (line.delayMs = 0));
        this.#disturb(broker, fault.forMs + fault.byMs);
        break;
      default:
        assertNever(fault);
    }
  }

  #trouble({ client: n, fault }: Extract<Fault, { at: 'client' }>): void {
    const { clients } = this.#options;
    const client = clients[n % clients.length];
    if (client === undefined) return;
    this.history.push(`  which is ${client.name}`);
    const untilMs = nowMs() + client.suffer(fault);
    this.#disturbClient(client.name, untilMs);
  }

  #disturb(broker: string, forMs: number): void {
    const untilMs = nowMs() + forMs;
    this.#brokerUntilMs.set(broker, Math.max(untilMs, this.#brokerUntilMs.get(broker) ?? 0));
  }

  #disturbClient(name: string, untilMs: number): void {
    this.#clientUntilMs.set(name, Math.max(untilMs, this.#clientUntilMs.get(name) ?? 0));
  }

  #disturbAll(forMs: number): void {
    for (const broker of ['binance', 'mock-binance', 'oanda']) this.#disturb(broker, forMs);
    // A client learns nothing while the gateway stands still.
    for (const client of this.#options.clients) {
      this.#disturbClient(client.name, nowMs() + forMs);
    }
  }
}

/** A venue that asks for a pause gets one. */
const AFTER_REFUSAL_MS = 10_000;

function lastsMs(fault: VenueFault): number {
  if (fault.kind === 'rest') return AFTER_REFUSAL_MS;
  return 'forMs' in fault ? fault.forMs : 0;
}

function later(ms: number, task: () => void): void {
  setTimeout(task, ms);
}
