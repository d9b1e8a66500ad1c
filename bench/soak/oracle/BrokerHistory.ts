import type { FeedState, SeenData } from '../clients/events.ts';

/** The fault of a mock broker that has a state of its own, as of its start. */
export interface StandingFault {
  readonly state: FeedState;
  readonly afterMs: number;
  readonly forMs: number;
  readonly everyMs: number;
}

/** Something happened, or began, at some moment between these two. */
interface Between {
  readonly fromMs: number;
  /** Infinity while it is not known. */
  toMs: number;
}

interface Outage {
  readonly sinceMs: number;
  untilMs: number;
}

/** The adapter that an event came from: the n-th of its broker, or one of those up to `latest` if that can't be told apart. */
export interface Life {
  readonly number: number;
  readonly latest: number;
}

/** The clocks of two processes, and what is under way between them. */
const SLACK_MS = 300;
/** An answer may be read so long after it was given, by a client that was slow meanwhile. */
const LATE_ANSWER_MS = 12_000;
const KEPT = 200;

/**
 * When brokers were out of service, and when their adapters were made anew. A mock broker begins its market anew with each
 * adapter. Events are placed by the moment at which the gateway received them, however late a client gets them.
 */
export class BrokerHistory {
  readonly #begun = new Map<string, Between[]>();
  /** How many were forgotten. */
  readonly #forgotten = new Map<string, number>();
  readonly #outages = new Map<string, Outage[]>();
  readonly #removals = new Map<string, Outage[]>();
  readonly #faults: ReadonlyMap<string, readonly StandingFault[]>;

  constructor(faults: ReadonlyMap<string, readonly StandingFault[]> = new Map()) {
    this.#faults = faults;
  }

  /** The broker's adapter is made anew at some moment from now on; returns the function that says by when it was. */
  begins(broker: string, fromMs: number): (byMs: number) => void {
    const life: Between = { fromMs: fromMs - SLACK_MS, toMs: Infinity };
    const known = this.#begun.get(broker) ?? [];
    known.push(life);
    if (known.length > KEPT) {
      known.shift();
      this.#forgotten.set(broker, (this.#forgotten.get(broker) ?? 0) + 1);
    }
    this.#begun.set(broker, known);
    return (byMs) => {
      life.toMs = byMs + SLACK_MS;
    };
  }

  /** The broker is out of service from now on; returns the function that ends it. */
  out(broker: string, sinceMs: number): (untilMs: number) => void {
    return note(this.#outages, broker, sinceMs);
  }

  /** The broker may be gone from now on; returns the function that says that it is there again. */
  removes(broker: string, sinceMs: number): (untilMs: number) => void {
    return note(this.#removals, broker, sinceMs);
  }

  lifeOf({ broker, fields }: SeenData): Life {
    const receivedMs = Date.parse(String(fields['receivedAt']));
    const begun = this.#begun.get(broker) ?? [];
    const forgotten = this.#forgotten.get(broker) ?? 0;
    const count = (of: (life: Between) => boolean): number => forgotten + begun.filter(of).length;
    // The past that an adapter fetches, or makes up, is older than the adapter.
    const isPast = fields['backfilled'] === true;
    return {
      number: count(({ toMs }) => toMs < receivedMs),
      latest: count(({ fromMs }) => isPast || fromMs <= receivedMs),
    };
  }

  /** The broker was out of service when the gateway received this. */
  wasOut({ broker, fields }: SeenData): boolean {
    if (fields['backfilled'] === true) return false;
    const receivedMs = Date.parse(String(fields['receivedAt']));
    return this.#outagesOf(broker).some(
      ({ sinceMs, untilMs }) => sinceMs + SLACK_MS < receivedMs && receivedMs < untilMs - SLACK_MS,
    );
  }

  /** A client may be told that there is no such broker. */
  mayBeUnknown(broker: string, atMs: number): boolean {
    const removals = this.#removals.get(broker) ?? [];
    return removals.some(({ sinceMs, untilMs }) => sinceMs <= atMs && atMs < untilMs + LATE_ANSWER_MS);
  }

  /** The state that all symbols of the broker have for sure at this moment, and since when; null if none is certain. */
  expected(broker: string, atMs: number): { readonly state: FeedState; readonly sinceMs: number } | null {
    const outage = this.#outagesOf(broker).find(({ sinceMs, untilMs }) => sinceMs <= atMs && atMs < untilMs - SLACK_MS);
    if (outage !== undefined) return { state: 'closed', sinceMs: outage.sinceMs };
    const life = this.#begun.get(broker)?.at(-1);
    if (life === undefined || atMs < life.toMs) return null;
    for (const { state, afterMs, forMs, everyMs } of this.#faults.get(broker) ?? []) {
      const turns = Math.floor((atMs - life.toMs - afterMs) / everyMs);
      const offsetMs = afterMs + turns * everyMs;
      if (turns >= 0 && atMs < life.fromMs + offsetMs + forMs) return { state, sinceMs: life.toMs + offsetMs };
    }
    return null;
  }

  #outagesOf(broker: string): readonly Outage[] {
    return this.#outages.get(broker) ?? [];
  }
}

function note(all: Map<string, Outage[]>, broker: string, sinceMs: number): (untilMs: number) => void {
  const outage: Outage = { sinceMs, untilMs: Infinity };
  const known = all.get(broker) ?? [];
  known.push(outage);
  if (known.length > KEPT) known.shift();
  all.set(broker, known);
  return (untilMs) => {
    outage.untilMs = untilMs;
  };
}

/** Follows one stream of events from each adapter of its broker to the next. */
export class LifeFollower {
  readonly #history: BrokerHistory;
  /** The adapter that the last event came from, as far as that is known. */
  #life: Life | null = null;

  constructor(history: BrokerHistory) {
    this.#history = history;
  }

  /** Returns true for the first event of another adapter. `contradicts`: the event can't come from the former one. */
  turns(event: SeenData, contradicts: () => boolean): boolean {
    const next = this.#history.lifeOf(event);
    const former = this.#life;
    if (former === null || next.number > former.latest) {
      this.#life = next;
      return former !== null;
    }
    const number = Math.max(next.number, former.number);
    if (next.latest > former.number && contradicts()) {
      this.#life = { number: Math.max(number, former.number + 1), latest: next.latest };
      return true;
    }
    // The past of a new adapter may not contradict anything, so it may have turned without a sign.
    this.#life = { number, latest: Math.max(number, next.latest) };
    return false;
  }
}
