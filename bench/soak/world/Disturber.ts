import { setTimeout as sleep } from 'node:timers/promises';
import { assertNever } from '../../../src/shared/errors.ts';
import { MOCK_BROKERS } from '../config.ts';
import type { EditedConfig } from '../config.ts';
import type { SoakClient } from '../clients/SoakClient.ts';
import type { Calm } from '../oracle/Timeliness.ts';
import type { BrokerHistory } from '../oracle/BrokerHistory.ts';
import type { Edit, Fault, Line, LineFault, VenueFault } from '../schedule.ts';
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
  /** The configuration of the gateway, to be edited. */
  readonly config: EditedConfig;
  /** It is told what happens to brokers. */
  readonly brokers: BrokerHistory;
  readonly onFault: (text: string) => void;
}

const KEPT = 100;
/** An edit that is not done after this time is a fault anyway. */
const LONGEST_EDIT_MS = 60_000;

/** Carries out the schedule, and remembers what it did and until when that explains anything. */
export class Disturber {
  readonly #options: DisturberOptions;
  /** Ends the absence of brokers that are not there at the start. */
  readonly #absent: readonly ((untilMs: number) => void)[];
  /** The faults so far, as text, oldest first. */
  readonly history: string[] = [];
  readonly counts = new Map<string, number>();
  readonly #brokerUntilMs = new Map<string, number>();
  /** By name. */
  readonly #clientUntilMs = new Map<string, number>();
  /** Restarts and other things of the gateway are done one after the other. */
  #gatewayWork: Promise<void> = Promise.resolve();
  /** Nothing happens to the gateway any more. */
  #ended = false;

  constructor(options: DisturberOptions) {
    this.#options = options;
    this.#absent = [...options.config.removed].map((broker) => options.brokers.removes(broker, nowMs()));
  }

  calmOf(client: string): Calm {
    return {
      disturbedUntilMs: (broker) => this.#brokerUntilMs.get(broker) ?? 0,
      clientDisturbedUntilMs: () => this.#clientUntilMs.get(client) ?? 0,
    };
  }

  apply(what: Fault): void {
    for (const name of namesOf(what)) this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
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
      case 'config':
        this.#queue(() => this.#edit(what.edit));
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
    const { brokers, gateway } = this.#options;
    this.#disturbAll(30_000);
    const begun = MOCK_BROKERS.map((broker) => brokers.begins(broker, nowMs()));
    await gateway.stop(signal);
    await sleep(300);
    await gateway.start();
    for (const hasBegun of begun) hasBegun(nowMs());
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
    const { brokers, gateway } = this.#options;
    this.#disturb(broker, forMs + 1_000);
    const hasBegun = brokers.begins(broker, nowMs());
    const isOut = await gateway.setEnabled(broker, false);
    const isBack = isOut ? brokers.out(broker, nowMs()) : null;
    await sleep(forMs);
    isBack?.(nowMs());
    for (let attempt = 0; attempt < 5 && !(await gateway.setEnabled(broker, true)); attempt += 1) await sleep(1_000);
    hasBegun(nowMs());
    this.#disturb(broker, 0);
  }

  async #edit(edit: Edit): Promise<void> {
    const { config } = this.#options;
    if (edit.kind === 'invalid') {
      await this.#write('invalid');
      await this.#write('valid');
      return;
    }
    if (edit.kind === 'brokers') {
      await this.#changeBrokers(edit);
      return;
    }
    if (edit.kind === 'add') {
      await this.#add();
      return;
    }
    config.changeOthers();
    await this.#write('valid');
  }

  async #add(): Promise<void> {
    const { brokers, config } = this.#options;
    const begun = new Map([...config.removed].map((broker) => [broker, brokers.begins(broker, nowMs())]));
    config.removed.clear();
    await this.#write('valid');
    for (const isThere of this.#absent) isThere(nowMs());
    for (const [broker, hasBegun] of begun) this.#isDone(broker, hasBegun);
  }

  async #changeBrokers({ removed, disabled, reopened, forMs }: Extract<Edit, { kind: 'brokers' }>): Promise<void> {
    const { brokers, config } = this.#options;
    const [out, all] = [
      [...removed, ...disabled],
      [...removed, ...disabled, ...reopened],
    ];
    for (const broker of all) this.#disturb(broker, LONGEST_EDIT_MS);
    const begun = new Map(all.map((broker) => [broker, brokers.begins(broker, nowMs())]));
    for (const broker of removed) config.removed.add(broker);
    for (const broker of disabled) config.disabled.add(broker);
    for (const broker of reopened) config.reopen(broker);
    const gone = removed.map((broker) => brokers.removes(broker, nowMs()));
    await this.#write('valid');
    for (const broker of reopened) this.#isDone(broker, begun.get(broker));
    if (out.length === 0) return;
    const outages = out.map((broker) => brokers.out(broker, nowMs()));
    await sleep(forMs);
    for (const isBack of outages) isBack(nowMs());
    config.removed.clear();
    config.disabled.clear();
    await this.#write('valid');
    for (const isBack of gone) isBack(nowMs());
    for (const broker of out) this.#isDone(broker, begun.get(broker));
  }

  #isDone(broker: string, hasBegun: ((byMs: number) => void) | undefined): void {
    hasBegun?.(nowMs());
    this.#brokerUntilMs.set(broker, nowMs());
  }

  async #write(what: 'valid' | 'invalid'): Promise<void> {
    const { gateway, onFault } = this.#options;
    if (!(await gateway.edit(what))) onFault(`the gateway did not answer to a configuration file that is ${what}`);
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
    for (const broker of ['binance', ...MOCK_BROKERS, 'oanda']) this.#disturb(broker, forMs);
    // A client learns nothing while the gateway stands still.
    for (const client of this.#options.clients) {
      this.#disturbClient(client.name, nowMs() + forMs);
    }
  }
}

/** A venue that asks for a pause gets one. */
const AFTER_REFUSAL_MS = 10_000;

/** What the report counts of a fault. */
function namesOf(what: Fault): readonly string[] {
  if (what.at === 'broker') return ['broker off'];
  if (what.at === 'gateway') return [`gateway ${what.fault}`];
  if (what.at !== 'config') return [`${what.at} ${what.fault.kind}`];
  const { edit } = what;
  if (edit.kind !== 'brokers') return [`config ${edit.kind}`];
  return (['removed', 'disabled', 'reopened'] as const).flatMap((how) => edit[how].map(() => `config ${how}`));
}

function lastsMs(fault: VenueFault): number {
  if (fault.kind === 'rest') return AFTER_REFUSAL_MS;
  return 'forMs' in fault ? fault.forMs : 0;
}

function later(ms: number, task: () => void): void {
  setTimeout(task, ms);
}
