import { isUtf8 } from 'node:buffer';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Clock } from '../shared/clock.ts';
import { reportFault } from '../shared/faultScope.ts';
import { describeFailure, lastingRefusal, sendGet, retryAfterMs } from './httpGet.ts';
import { SlidingWindow } from './SlidingWindow.ts';

/** The URL of a request, and the headers that are sent with it. */
export interface HttpTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface HttpLineFeedOptions {
  /** The URL and headers of the request. Called once; the result is not kept, for it may hold a secret. */
  readonly target: () => HttpTarget;
  readonly clock: Clock;
  /** The connection counts as dead, and is ended, after this time without a byte, from the request on. */
  readonly deadAfterMs: number;
  /** It is ended after this time without a valid line, too. */
  readonly senselessAfterMs: number;
  readonly maxLineBytes: number;
  /** Invalid lines that are tolerated in any minute; one more ends the connection. */
  readonly maxInvalidPerMinute: number;
  readonly listener: LineFeedListener;
}

/**
 * A feed reports to its owner through this: nothing before its constructor has returned, and nothing once it has ended.
 */
export interface LineFeedListener {
  /** The other side has answered with 200, and lines may come. */
  onOpen(): void;
  /** Returns false if the line is invalid; it is counted. */
  onLine(text: string): boolean;
  /** Any bytes have come, be it an empty line. */
  onActivity(): void;
  /** A line was dropped as malformed. */
  onInvalid(): void;
}

/** An answer with a status other than 200. */
export interface HttpRefusal {
  readonly status: number;
  /** It is a page for a browser: it comes from a proxy, not from the server behind it. */
  readonly isPage: boolean;
  /** The beginning of the body, for decisions; never to be shown to a client. */
  readonly text: string;
}

/** How a feed ended. */
export interface LineFeedEnd {
  /** A short sentence for a person, without the other side's words. */
  readonly reason: string;
  /** How long the other side asked us to wait; 0 if it did not. */
  readonly retryAfterMs: number;
  readonly refusal: HttpRefusal | null;
  /** A listener threw this, which is a fault of ours; for the log. Undefined if nothing was thrown. */
  readonly fault?: unknown;
}

/** A feed as its owner sees it. */
export interface LineFeed {
  /** Resolves once, with the reason; never rejects. Nothing is reported after that. */
  readonly ended: Promise<LineFeedEnd>;
  /** Resolves when the connection itself no longer exists. */
  readonly gone: Promise<void>;
  end(reason: string): void;
}

const MINUTE_MS = 60_000;
/** How many times the silence is measured within `deadAfterMs`. */
const WATCH_STEPS = 12;
const MAX_REFUSAL_BYTES = 4_096;

/**
 * One endless answer to one GET, read line by line, from the request to its one end. Its creator owns it until `gone`.
 * A connection of its own, no redirect, no compression. It notices a connection that is open and dead, and drops
 * invalid lines until there are too many of them.
 */
export class HttpLineFeed implements LineFeed {
  readonly #options: Omit<HttpLineFeedOptions, 'target'>;
  readonly #splitter: LineSplitter;
  readonly #invalid: SlidingWindow;
  readonly #ended = Promise.withResolvers<LineFeedEnd>();
  readonly #gone = Promise.withResolvers<void>();
  readonly #watchdog: Disposable;
  readonly #request: ClientRequest | null;
  #refusal: { readonly response: IncomingMessage; readonly body: Buffer[]; bytes: number } | null = null;
  #lastByteAt: number;
  #lastSenseAt: number;
  #fault: unknown;
  #hasEnded = false;

  constructor({ target, ...options }: HttpLineFeedOptions) {
    this.#options = options;
    const { clock, maxLineBytes, maxInvalidPerMinute, deadAfterMs } = options;
    this.#splitter = new LineSplitter(maxLineBytes);
    this.#invalid = new SlidingWindow({ limit: maxInvalidPerMinute, windowMs: MINUTE_MS, clock });
    this.#lastByteAt = clock.monotonic();
    this.#lastSenseAt = this.#lastByteAt;
    this.#watchdog = clock.every(deadAfterMs / WATCH_STEPS, () => {
      this.#watch();
    });
    this.#request = this.#send(target);
  }

  get ended(): Promise<LineFeedEnd> {
    return this.#ended.promise;
  }

  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** Ends the connection in whatever state it is. */
  end(reason: string): void {
    this.#finish(reason);
    this.#request?.destroy();
  }

  /** Null if the request can't be made: a bad URL, or a character that no header may have. */
  #send(target: () => HttpTarget): ClientRequest | null {
    try {
      const { url, headers } = target();
      const request = sendGet(url, { agent: false, headers: { 'accept-encoding': 'identity', ...headers } });
      request.on('response', (response) => {
        this.#onResponse(response);
      });
      request.on('error', (error) => {
        this.#finish(describeFailure(error));
      });
      request.on('close', () => {
        this.#finish('The other side closed the connection.');
        this.#gone.resolve();
      });
      return request;
    } catch {
      this.#finish('The request could not be made.');
      this.#gone.resolve();
      return null;
    }
  }

  #onResponse(response: IncomingMessage): void {
    // An error without a listener ends the process.
    response.on('error', (error) => {
      this.#finish(describeFailure(error));
    });
    if (this.#hasEnded) return;
    const { headers, statusCode } = response;
    if (statusCode !== 200) this.#refusal = { response, body: [], bytes: 0 };
    else if ((headers['content-encoding'] ?? 'identity') !== 'identity') {
      this.end('The other side sends compressed data, which was not asked for.');
      return;
    } else this.#options.listener.onOpen();
    response.on('data', (chunk: Buffer) => {
      this.#onBytes(chunk);
    });
    response.on('end', () => {
      this.end('The other side ended the stream.');
    });
  }

  #onBytes(chunk: Buffer): void {
    if (this.#hasEnded) return;
    this.#lastByteAt = this.#options.clock.monotonic();
    if (this.#refusal === null) {
      this.#options.listener.onActivity();
      this.#readLines(chunk);
      return;
    }
    this.#refusal.body.push(chunk);
    this.#refusal.bytes += chunk.length;
    if (this.#refusal.bytes > MAX_REFUSAL_BYTES) this.end('');
  }

  #readLines(chunk: Buffer): void {
    try {
      for (const line of this.#splitter.push(chunk)) {
        if (isUtf8(line) && this.#options.listener.onLine(line.toString('utf8'))) {
          this.#lastSenseAt = this.#lastByteAt;
        } else if (!this.#hasEnded) {
          this.#options.listener.onInvalid();
          if (!this.#invalid.tryTake()) this.end('The other side sent too many invalid lines.');
        }
        // The listener may have ended it, too.
        if (this.#hasEnded) return;
      }
    } catch (thrown) {
      if (thrown instanceof LineTooLongError) {
        this.end('A line came that is longer than any should be.');
        return;
      }
      this.#fault = thrown;
      this.end('A line could not be handled for a fault of ours.');
      reportFault(thrown);
    }
  }

  #watch(): void {
    const { clock, deadAfterMs, senselessAfterMs } = this.#options;
    const now = clock.monotonic();
    if (now - this.#lastByteAt >= deadAfterMs) this.end('Nothing came over the connection for too long.');
    else if (now - this.#lastSenseAt >= senselessAfterMs) this.end('No valid line came for too long.');
  }

  #finish(reason: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#watchdog[Symbol.dispose]();
    this.#ended.resolve(this.#refused() ?? { reason, retryAfterMs: 0, refusal: null, fault: this.#fault });
  }

  #refused(): LineFeedEnd | null {
    if (this.#refusal === null) return null;
    const { response, body } = this.#refusal;
    const { 'content-type': type = '', 'retry-after': retryAfter } = response.headers;
    const status = response.statusCode ?? 0;
    const text = Buffer.concat(body).subarray(0, MAX_REFUSAL_BYTES).toString('utf8');
    const lasting = lastingRefusal(status);
    const askedMs = retryAfterMs(retryAfter, this.#options.clock.now()) ?? 0;
    return {
      reason: lasting === null ? `The request for the stream was answered with HTTP ${status}.` : `${lasting.reason}.`,
      retryAfterMs: Math.max(askedMs, lasting?.retryAfterMs ?? 0),
      refusal: { status, isPage: /\bhtml\b/i.test(type), text },
    };
  }
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** A line is longer than allowed. */
export class LineTooLongError extends Error {
  override readonly name = 'LineTooLongError';
}

/**
 * Splits bytes into lines; they come in pieces that may be cut anywhere, even within a character. A line ends with a
 * line feed; a carriage return before it is not part of it, and empty lines are left out.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  #tail: Buffer[] = [];
  #tailBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that this piece completes, without their ends. Throws a LineTooLongError after those before it. */
  *push(piece: Buffer): Generator<Buffer, void, undefined> {
    let from = 0;
    for (let at = piece.indexOf(LINE_FEED); at !== -1; at = piece.indexOf(LINE_FEED, from)) {
      this.#keep(piece.subarray(from, at));
      from = at + 1;
      const line = this.#take();
      if (line.length > 0) yield line;
    }
    this.#keep(piece.subarray(from));
  }

  #keep(bytes: Buffer): void {
    this.#tailBytes += bytes.length;
    if (this.#tailBytes > this.#maxBytes) throw new LineTooLongError(`a line of more than ${this.#maxBytes} bytes`);
    if (bytes.length > 0) this.#tail.push(bytes);
  }

  #take(): Buffer {
    const [only] = this.#tail;
    const line = only !== undefined && this.#tail.length === 1 ? only : Buffer.concat(this.#tail, this.#tailBytes);
    this.#tail = [];
    this.#tailBytes = 0;
    return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line;
  }
}
