import type { Clock } from '../../shared/clock.ts';
import { assertNever } from '../../shared/errors.ts';
import type {
  HttpRefusal,
  HttpTarget,
  LineFeed,
  LineFeedEnd,
  HttpLineFeedOptions,
} from '../../transport/HttpLineFeed.ts';
import { parseJson } from '../../transport/json.ts';
import { toRefusal, OandaErrorBody } from './restReplies.ts';
import type { VenueRefusal } from './restReplies.ts';
import { parseLine } from './streamMessages.ts';
import type { VenuePrice, VenueTime } from './streamMessages.ts';

export type OpenLineFeed = (options: HttpLineFeedOptions) => LineFeed;

export interface OandaConnectionOptions {
  /** The instruments that are asked for; they can't be changed. */
  readonly names: ReadonlySet<string>;
  readonly target: () => HttpTarget;
  readonly open: OpenLineFeed;
  readonly clock: Clock;
  readonly listener: OandaConnectionListener;
}

/** A connection reports to its owner through this. Nothing is called once it has ended. */
export interface OandaConnectionListener {
  /** The first message has come. It is reported after this. */
  onOpen(): void;
  onPrice(price: VenuePrice): void;
  onHeartbeat(time: VenueTime): void;
  /** A price of this instrument can't be right; the connection is not to blame. */
  onUnreadable(instrument: string): void;
  onInvalid(): void;
}

/** How a connection ended. */
export interface ConnectionEnd {
  readonly reason: string;
  readonly retryAfterMs: number;
  /** The venue objects to this; null if it did not refuse the stream. */
  readonly refusal: VenueRefusal | null;
  readonly fault?: unknown;
}

/** The venue sends a heartbeat every 5 s, and recommends this limit. */
const DEAD_AFTER_MS = 10_000;
const SENSELESS_AFTER_MS = 20_000;
/** A price with a deep ladder has one thousand. */
const MAX_LINE_BYTES = 65_536;
const MAX_INVALID_PER_MINUTE = 20;
/** Times further ahead than this are invalid: clocks may differ, by a time zone at most. */
const MAX_AHEAD_MS = 86_400_000;
/** The venue does not say how long to wait after too many requests. */
const LIMITED_FOR_MS = 1_000;

/** One price stream, for instruments that can't be changed. Its creator owns it until `gone`. */
export class OandaConnection {
  readonly names: ReadonlySet<string>;
  readonly #options: OandaConnectionOptions;
  readonly #awaited: Set<string>;
  readonly #feed: LineFeed;
  #isOpen = false;

  constructor(options: OandaConnectionOptions) {
    const { names, target, open, clock, listener } = options;
    this.names = names;
    this.#options = options;
    this.#awaited = new Set(names);
    this.#feed = open({
      target,
      clock,
      deadAfterMs: DEAD_AFTER_MS,
      senselessAfterMs: SENSELESS_AFTER_MS,
      maxLineBytes: MAX_LINE_BYTES,
      maxInvalidPerMinute: MAX_INVALID_PER_MINUTE,
      listener: {
        onOpen: () => undefined,
        onLine: (text) => this.#onLine(text),
        onActivity: () => undefined,
        onInvalid: () => {
          listener.onInvalid();
        },
      },
    });
  }

  /** A valid message has come over it. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Every instrument's price has come over it: the venue sends each once at the start. */
  get isComplete(): boolean {
    return this.#awaited.size === 0;
  }

  hasDelivered(name: string): boolean {
    return this.names.has(name) && !this.#awaited.has(name);
  }

  /** Resolves once, with the reason; never rejects. Nothing is reported after that. */
  get ended(): Promise<ConnectionEnd> {
    return this.#feed.ended.then(toConnectionEnd);
  }

  get gone(): Promise<void> {
    return this.#feed.gone;
  }

  end(reason: string): void {
    this.#feed.end(reason);
  }

  /**
   * A message that names an instrument concerns that one alone, and never ends a connection that serves others, too.
   */
  #onLine(text: string): boolean {
    const message = parseLine(text);
    if (message === undefined) return false;
    switch (message.kind) {
      case 'other':
        return true;
      case 'heartbeat':
        if (this.#isFuture(message.time)) return false;
        this.#makesSense();
        this.#options.listener.onHeartbeat(message.time);
        return true;
      case 'price':
        this.#onPrice(message.price);
        return true;
      case 'unreadable':
        this.#options.listener.onUnreadable(message.instrument);
        return true;
      default:
        return assertNever(message);
    }
  }

  #onPrice(price: VenuePrice): void {
    const { listener } = this.#options;
    if (!this.names.has(price.instrument) || this.#isFuture(price.time)) {
      listener.onUnreadable(price.instrument);
      return;
    }
    this.#makesSense();
    this.#awaited.delete(price.instrument);
    listener.onPrice(price);
  }

  #makesSense(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#options.listener.onOpen();
  }

  #isFuture(time: VenueTime): boolean {
    return time.ms >= this.#options.clock.now() + MAX_AHEAD_MS;
  }
}

function toConnectionEnd({ reason, retryAfterMs, refusal, fault }: LineFeedEnd): ConnectionEnd {
  if (refusal === null) return { reason, retryAfterMs, refusal: null, fault };
  const waitMs = refusal.status === 429 ? Math.max(retryAfterMs, LIMITED_FOR_MS) : retryAfterMs;
  return { reason, retryAfterMs: waitMs, refusal: refusalOf(refusal) };
}

/** The body is often empty on this host; then a 400 is about the instruments, for nothing else can be invalid. */
function refusalOf({ status, isPage, text }: HttpRefusal): VenueRefusal | null {
  if (status === 401) return toRefusal(status, messageOf(text));
  if (isPage || status < 400 || status >= 500 || status === 429) return null;
  if (status === 400 && text.trim() === '') return 'instrument';
  return toRefusal(status, messageOf(text));
}

function messageOf(text: string): string | null {
  return OandaErrorBody.safeParse(parseJson(text)).data?.errorMessage ?? null;
}
