import type { Clock } from '../../shared/clock.ts';
import type {
  HttpRefusal,
  HttpTarget,
  LineFeed,
  LineFeedEnd,
  HttpLineFeedOptions,
} from '../../transport/HttpLineFeed.ts';
import { parseJson } from '../../transport/json.ts';
import { toRefusal, RestRefusal } from './restReplies.ts';
import type { Refusal } from './restReplies.ts';
import { parseLine } from './streamMessages.ts';
import type { StreamMessage, VenuePrice, VenueTime } from './streamMessages.ts';

export type OpenLineFeed = (options: HttpLineFeedOptions) => LineFeed;

export interface OandaConnectionOptions {
  /** What is asked for: fixed for the connection's life. */
  readonly names: ReadonlySet<string>;
  readonly target: () => HttpTarget;
  readonly open: OpenLineFeed;
  readonly clock: Clock;
  readonly listener: ConnectionListener;
}

/** What a connection tells; nothing any more once it has ended. */
export interface ConnectionListener {
  /** The first message has come. It is reported after this. */
  onOpen(): void;
  onPrice(price: VenuePrice): void;
  onHeartbeat(time: VenueTime): void;
  onActivity(): void;
  onInvalid(): void;
}

export interface ConnectionEnd {
  readonly reason: string;
  readonly retryAfterMs: number;
  /** What the venue found fault with; null where it did not refuse the stream. */
  readonly refusal: Refusal | null;
  readonly fault?: unknown;
}

/** The venue sends a heartbeat every 5 s, and advises this. */
const DEAD_AFTER_MS = 10_000;
const SENSELESS_AFTER_MS = 20_000;
/** A price with a deep ladder has one thousand. */
const MAX_LINE_BYTES = 65_536;
const MAX_INVALID_PER_MINUTE = 20;
/** Nothing is made in the future; clocks differ, and time zones do. */
const MAX_AHEAD_MS = 86_400_000;
/** The venue says nothing of how long to wait after too many requests. */
const LIMITED_FOR_MS = 1_000;

/** One price stream, for instruments that can't be changed. Whoever constructs it owns it until `gone`. */
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
        onOpen: () => {
          listener.onActivity();
        },
        onLine: (text) => this.#onLine(text),
        onActivity: () => {
          listener.onActivity();
        },
        onInvalid: () => {
          listener.onInvalid();
        },
      },
    });
  }

  /** Something that makes sense has come over it. */
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

  /** Resolves once, with why; never rejects. Nothing is told after that. */
  get ended(): Promise<ConnectionEnd> {
    return this.#feed.ended.then(toConnectionEnd);
  }

  get gone(): Promise<void> {
    return this.#feed.gone;
  }

  end(reason: string): void {
    this.#feed.end(reason);
  }

  #onLine(text: string): boolean {
    const message = parseLine(text);
    if (message === undefined || !this.#makesSense(message)) return false;
    if (message.kind === 'other') return true;
    const { listener } = this.#options;
    if (!this.#isOpen) {
      this.#isOpen = true;
      listener.onOpen();
    }
    if (message.kind === 'heartbeat') {
      listener.onHeartbeat(message.time);
      return true;
    }
    this.#awaited.delete(message.price.instrument);
    listener.onPrice(message.price);
    return true;
  }

  #makesSense(message: StreamMessage): boolean {
    if (message.kind === 'other') return true;
    if (message.kind === 'price' && !this.names.has(message.price.instrument)) return false;
    const time = message.kind === 'price' ? message.price.time : message.time;
    return time.ms < this.#options.clock.now() + MAX_AHEAD_MS;
  }
}

function toConnectionEnd({ reason, retryAfterMs, refusal, fault }: LineFeedEnd): ConnectionEnd {
  if (refusal === null) return { reason, retryAfterMs, refusal: null, fault };
  const waitMs = refusal.status === 429 ? Math.max(retryAfterMs, LIMITED_FOR_MS) : retryAfterMs;
  return { reason, retryAfterMs: waitMs, refusal: refusalOf(refusal) };
}

/** The body is often empty on this host; then a 400 is about the instruments, for nothing else can be wrong. */
function refusalOf({ status, isPage, text }: HttpRefusal): Refusal | null {
  if (status === 401) return toRefusal(status, messageOf(text));
  if (isPage || status < 400 || status >= 500 || status === 429) return null;
  if (status === 400 && text.trim() === '') return 'instrument';
  return toRefusal(status, messageOf(text));
}

function messageOf(text: string): string | null {
  return RestRefusal.safeParse(parseJson(text)).data?.errorMessage ?? null;
}
