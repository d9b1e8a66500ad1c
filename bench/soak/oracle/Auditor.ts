import { assertNever } from '../../../src/shared/errors.ts';
import type { FeedType, Seen, SeenStatus } from '../clients/events.ts';
import type { Observation } from '../clients/SoakClient.ts';
import type { Wish } from '../clients/wishes.ts';
import type { BrokerHistory } from './BrokerHistory.ts';
import { CandleCheck } from './CandleCheck.ts';
import { SequenceCheck, StateCheck, TradeCheck } from './checks.ts';
import type { CheckContext } from './checks.ts';
import { Gaps } from './gaps.ts';
import type { Oracle } from './Oracle.ts';
import { Timeliness } from './Timeliness.ts';
import type { Calm, TimelinessOptions } from './Timeliness.ts';
import type { Violations } from './Violations.ts';

export interface AuditorOptions {
  readonly name: string;
  readonly wish: Wish;
  readonly oracle: Oracle;
  readonly violations: Violations;
  readonly calm: Calm;
  readonly history: BrokerHistory;
  /** Nothing but the schedule can harm these brokers. */
  readonly steadyBrokers?: readonly string[];
  /** See TimelinessOptions. */
  readonly silenceMs?: NonNullable<TimelinessOptions['silenceMs']>;
}

interface Noted {
  readonly atMs: number;
  readonly observation: Observation;
}

/** How much of what happened to a client is shown with a violation. */
const SHOWN = 40;
/** Trouble is told so long after it, also by a client that reads late. */
const EXCUSE_MS = 8_000;
/** The gateway closes a connection with these only if it ends, is out of step with the client, or refuses a login. */
const CUT_OFF = /^(1001|1003|1008|1011|44\d\d)\b/;
/** A stream of which nothing has come so long after the connection is late. */
const BEGIN_MS = 20_000;

/** Everything that is judged about one symbol at one client. */
interface SymbolAudit {
  readonly checks: ReadonlyMap<FeedType, TradeCheck | CandleCheck | StateCheck>;
  readonly sequences: SequenceCheck;
  readonly gaps: Gaps;
  readonly timeliness: Timeliness;
  /** Something of these types has come on this connection. */
  readonly begun: Set<FeedType>;
  /** It was told to be closed since the last trade or candle. */
  wasClosed: boolean;
  /** The outcome of a resumption has come on this connection. */
  isReplayTold: boolean;
}

/**
 * Judges what one client was sent, a moment later: when it is known what the venues had made until then. Nothing here
 * waits or reads a clock.
 */
export class Auditor {
  readonly #options: AuditorOptions;
  readonly #symbols = new Map<string, SymbolAudit>();
  readonly #waiting: Noted[] = [];
  readonly #recent: Noted[] = [];
  /** The last that was told beside market data. */
  readonly #recentStatuses: Noted[] = [];
  #atMs = 0;
  #resumes: readonly string[] | null = null;
  #isOpen = false;
  #openMs = 0;
  #hasCredentials = true;
  events = 0;
  /** How often the client was told each state, or a gap. */
  readonly statesTold = new Map<string, number>();

  constructor(options: AuditorOptions) {
    this.#options = options;
    for (const symbol of options.wish.symbols) this.#symbols.set(symbol, this.#audit(symbol));
  }

  get gapsTold(): number {
    return [...this.#symbols.values()].reduce((sum, { gaps }) => sum + gaps.told, 0);
  }

  note(observation: Observation, atMs: number): void {
    this.#waiting.push({ atMs, observation });
  }

  /** Judges everything that came before this moment. */
  settle(untilMs: number): void {
    while ((this.#waiting[0]?.atMs ?? Infinity) <= untilMs) {
      const noted = this.#waiting.shift();
      if (noted === undefined) break;
      this.#recent.push(noted);
      if (this.#recent.length > SHOWN) this.#recent.shift();
      if (!isData(noted)) this.#recentStatuses.push(noted);
      if (this.#recentStatuses.length > SHOWN) this.#recentStatuses.shift();
      this.#atMs = noted.atMs;
      this.#judge(noted.observation);
    }
    this.#atMs = untilMs;
    for (const [symbol, audit] of this.#symbols) {
      for (const { text } of audit.gaps.overdue(untilMs)) this.#fail(symbol, `${text}, and no gap was told`);
      if (!this.#isOpen) continue;
      const { checks, timeliness } = audit;
      const behind = [...checks].map(([type, check]) => {
        const isEmpty = !audit.begun.has(type);
        return { type, sinceMs: isEmpty ? this.#openMs + BEGIN_MS : check.behindSinceMs() };
      });
      for (const text of timeliness.judge(behind, untilMs)) this.#fail(symbol, text);
    }
  }

  #judge(observation: Observation): void {
    switch (observation.kind) {
      case 'connecting':
        this.#begin(observation.resumes);
        break;
      case 'open':
        this.#isOpen = true;
        this.#openMs = this.#atMs;
        for (const { timeliness } of this.#symbols.values()) timeliness.open(this.#atMs);
        break;
      case 'paused':
      case 'reading':
        for (const { checks, timeliness } of this.#symbols.values()) {
          timeliness.disturb(this.#atMs);
          for (const check of checks.values()) if (check instanceof CandleCheck) check.pause();
        }
        break;
      case 'event':
        this.events += 1;
        this.#see(observation.event);
        break;
      case 'fault':
        this.#judgeFault(observation.text);
        break;
      case 'credentials':
        this.#hasCredentials = observation.held;
        if (!observation.held) this.#restart();
        break;
      case 'end':
        if (CUT_OFF.test(observation.why) && !this.#isExcused()) this.#fail('', `cut off: ${observation.why}`);
        this.#isOpen = false;
        for (const { gaps } of this.#symbols.values()) gaps.forgive();
        break;
      default:
        assertNever(observation);
    }
  }

  #begin(resumes: readonly string[] | null): void {
    this.#resumes = resumes;
    this.#hasCredentials = true;
    for (const audit of this.#symbols.values()) {
      for (const check of audit.checks.values()) check.begin(resumes !== null);
      audit.sequences.begin();
      audit.isReplayTold = false;
      audit.begun.clear();
    }
  }

  /** The streams begin anew, as is known to the client. */
  #restart(): void {
    for (const { checks } of this.#symbols.values()) for (const check of checks.values()) check.restart();
  }

  #see(event: Seen): void {
    const { broker, symbols, types } = this.#options.wish;
    const audit = this.#symbols.get(event.symbol);
    if (event.broker !== broker || audit === undefined) {
      this.#fail(event.symbol, `an event of ${event.broker} ${event.symbol}; wanted are ${symbols.join(', ')}`);
      return;
    }
    if (event.kind === 'status') {
      this.#seeStatus(event, audit);
      return;
    }
    if (!types.includes(event.type)) this.#fail(event.symbol, `${event.type} was not asked for`);
    if (!this.#hasCredentials) this.#fail(event.symbol, `${event.type} after the credentials were withdrawn`);
    if (this.#resumes !== null && this.#resumes.length > 0 && !audit.isReplayTold)
      this.#fail(event.symbol, `${event.type} before the outcome of the resumption`);
    if (this.#options.history.wasOut(event))
      this.#fail(event.symbol, `${event.type} while ${broker} was out of service`);
    audit.begun.add(event.type);
    audit.sequences.see(event);
    audit.checks.get(event.type)?.see(event);
    if (event.type === 'trade') audit.wasClosed = false;
  }

  #seeStatus({ symbol, state, gap, replay }: SeenStatus, audit: SymbolAudit): void {
    const { wish } = this.#options;
    const kind = gap === null ? state : 'gap';
    if (kind !== null && replay === null) this.statesTold.set(kind, (this.statesTold.get(kind) ?? 0) + 1);
    if (gap !== null) {
      audit.gaps.tell(gap);
      if (!wish.types.includes(gap.type)) this.#fail(symbol, `a gap of ${gap.type}, which was not asked for`);
    }
    if (replay !== null) {
      if (audit.isReplayTold) this.#fail(symbol, 'the outcome of the resumption was told twice');
      audit.isReplayTold = true;
    }
    if (state === null || gap !== null || replay !== null) return;
    audit.timeliness.state(state, this.#atMs);
    audit.wasClosed ||= state === 'closed';
    if (state !== 'live' && audit.begun.size > 0 && this.#isUnexplained())
      this.#fail(symbol, `${state.toUpperCase()}, although nothing happened to ${wish.broker}`);
  }

  #judgeFault(text: string): void {
    const { history, wish } = this.#options;
    if (text.includes('UNKNOWN_BROKER') && history.mayBeUnknown(wish.broker, this.#atMs)) return;
    this.#fail('', text);
  }

  /** Nothing that was done to the broker explains trouble now. */
  #isUnexplained(): boolean {
    const { calm, steadyBrokers = [], wish } = this.#options;
    if (!steadyBrokers.includes(wish.broker) || this.#isExcused()) return false;
    return this.#atMs - calm.disturbedUntilMs(wish.broker) > EXCUSE_MS;
  }

  /** The client itself, or the whole gateway, was in trouble just now. */
  #isExcused(): boolean {
    return this.#atMs - this.#options.calm.clientDisturbedUntilMs() < EXCUSE_MS;
  }

  #audit(symbol: string): SymbolAudit {
    const { oracle, wish, history } = this.#options;
    const gaps = new Gaps();
    const context: CheckContext = {
      oracle,
      wish,
      symbol,
      history,
      fail: (text) => {
        this.#fail(symbol, text);
      },
      hole: (hole) => {
        // A client that neither asks for statuses nor resumes is not told of gaps.
        if (!wish.status && this.#resumes === null) return;
        const text = this.#symbols.get(symbol)?.wasClosed === true ? `${hole.text} (CLOSED meanwhile)` : hole.text;
        gaps.find({ ...hole, text, sinceMs: this.#atMs });
      },
    };
    const make = {
      trade: () => new TradeCheck(context),
      candle: () => new CandleCheck(context),
      orderbook: () => new StateCheck(context, 'books'),
      tick: () => new StateCheck(context, 'ticks'),
    };
    return {
      checks: new Map(wish.types.map((type) => [type, make[type]()])),
      sequences: new SequenceCheck(context),
      gaps,
      timeliness: new Timeliness(this.#options),
      begun: new Set(),
      wasClosed: false,
      isReplayTold: false,
    };
  }

  #fail(symbol: string, text: string): void {
    const { name, violations, wish } = this.#options;
    const recent = [...this.#recentStatuses.filter((noted) => !this.#recent.includes(noted)), ...this.#recent].map(
      ({ atMs, observation }) => `${new Date(atMs).toISOString()} ${told(observation)}`,
    );
    const state = `resumed with ${JSON.stringify(this.#resumes)}`;
    violations.add({ client: `${name} ${symbol}`, text, details: [JSON.stringify(wish), state, ...recent] });
  }
}

function isData({ observation }: Noted): boolean {
  return observation.kind === 'event' && observation.event.kind === 'data';
}

function told(observation: Observation): string {
  if (observation.kind !== 'event') return JSON.stringify(observation);
  const { event } = observation;
  return JSON.stringify(event.kind === 'data' ? event.fields : event).slice(0, 700);
}
