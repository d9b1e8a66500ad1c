import { isUtf8 } from 'node:buffer';
import { WebSocket } from 'ws';
import type { RawData } from 'ws';
import type { Clock } from '../shared/clock.ts';
import { reportFault } from '../shared/faultScope.ts';
import type { Logger } from '../shared/logger.ts';
import { SlidingWindow } from './SlidingWindow.ts';
import { describeFailure, lastingRefusal, retryAfterMs } from './httpGet.ts';

/** Why a socket ended: a short sentence for a person, without the other side's words. */
export interface SocketEnd {
  readonly reason: string;
  /** How long the other side asked us to wait; 0 if it did not. */
  readonly retryAfterMs: number;
}

/**
 * A socket reports to its owner through this. Nothing is called before `OpenWebSocket` has returned, and nothing after
 * `onEnd`.
 */
export interface SocketListener {
  onOpen(): void;
  onText(text: string): void;
  /** A frame that is neither text nor ping nor pong, or text that is not UTF-8. */
  onUnreadable(): void;
  onHeartbeat(): void;
  /** Called once, when the socket no longer exists. */
  onEnd(end: SocketEnd): void;
}

/** A socket that is connecting, open, or closing. */
export interface OutgoingSocket {
  send(text: string): void;
  /** Ends the socket at once, in whatever state it is. `onEnd` follows. */
  terminate(): void;
}

/** Opens a socket and reports what happens to it. */
export type OpenWebSocket = (url: string, listener: SocketListener) => OutgoingSocket;

const HANDSHAKE_TIMEOUT_MS = 10_000;
const MAX_PAYLOAD_BYTES = 4 * 1024 * 1024;
const CLOSE_NORMAL = 1000;

/** A real WebSocket: no compression, no redirects, frames of at most 4 MiB, pings answered. */
export const openWebSocket: OpenWebSocket = (url, listener) => {
  const socket = new WebSocket(url, {
    perMessageDeflate: false,
    maxPayload: MAX_PAYLOAD_BYTES,
    followRedirects: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    // The listener drops and counts one bad frame; ws would end the connection for it.
    skipUTF8Validation: true,
  });
  let end: SocketEnd | null = null;
  // First of all: an error without a listener ends the process.
  socket.on('error', (error) => {
    end ??= { reason: describeFailure(error), retryAfterMs: 0 };
    // A close frame with the reason is on its way. Otherwise ws would read on until the other side answers that.
    socket.terminate();
  });
  socket.on('unexpected-response', (_request, response) => {
    const { date = '', 'retry-after': retryAfter } = response.headers;
    // A date is relative to the other side's own clock; without that it can't be interpreted.
    const waitMs = retryAfterMs(retryAfter, Date.parse(date)) ?? 0;
    const status = response.statusCode ?? 0;
    const lasting = lastingRefusal(status);
    end ??= {
      reason: lasting === null ? `The handshake was answered with HTTP ${status}.` : `${lasting.reason}.`,
      retryAfterMs: Math.max(Number.isNaN(waitMs) ? 0 : waitMs, lasting?.retryAfterMs ?? 0),
    };
    socket.terminate();
  });
  socket.on('open', () => {
    listener.onOpen();
  });
  socket.on('message', (data, isBinary) => {
    const bytes = toBuffer(data);
    if (isBinary || !isUtf8(bytes)) listener.onUnreadable();
    else listener.onText(bytes.toString('utf8'));
  });
  socket.on('ping', () => {
    listener.onHeartbeat();
  });
  socket.on('pong', () => {
    listener.onHeartbeat();
  });
  socket.on('close', (code) => {
    listener.onEnd(end ?? { reason: `The other side closed the connection (code ${code}).`, retryAfterMs: 0 });
  });
  return {
    send(text) {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    terminate() {
      // Sends a close frame, but does not wait for the answer: the other side may not exist any more.
      if (socket.readyState === WebSocket.OPEN) socket.close(CLOSE_NORMAL);
      socket.terminate();
    },
  };
};

function toBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

export interface WebSocketFeedOptions {
  readonly url: string;
  readonly open: OpenWebSocket;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The connection counts as dead, and is ended, after this time without any frame. */
  readonly deadAfterMs: number;
  /** Invalid frames that are tolerated in any minute; one more ends the connection. */
  readonly maxInvalidPerMinute: number;
  readonly listener: FeedListener;
}

/** A feed reports to its owner through this. Nothing is called once it has ended. */
export interface FeedListener {
  onOpen(): void;
  /** Returns false if the frame is invalid; it is counted. So is one over which this throws. */
  onText(text: string): boolean;
  /** Any frame has come, be it a ping. */
  onActivity(): void;
  /** A frame was dropped as malformed. */
  onInvalid(): void;
  /** Once, before `ended` resolves. */
  onEnd(): void;
}

const MINUTE_MS = 60_000;
/** How many times the silence is measured within `deadAfterMs`. */
const WATCH_STEPS = 12;

/**
 * One WebSocket connection, from its handshake to its one end. It notices a connection that is open and dead, and drops
 * invalid frames until there are too many of them. Its creator owns it until `gone`.
 */
export class WebSocketFeed {
  readonly #options: WebSocketFeedOptions;
  readonly #invalid: SlidingWindow;
  readonly #ended = Promise.withResolvers<SocketEnd>();
  readonly #gone = Promise.withResolvers<void>();
  readonly #socket: OutgoingSocket;
  readonly #watchdog: Disposable;
  #frames = 0;
  #framesSeen = 0;
  #silentSince: number;
  #state: 'connecting' | 'open' | 'ended' = 'connecting';

  constructor(options: WebSocketFeedOptions) {
    this.#options = options;
    const { clock, deadAfterMs, maxInvalidPerMinute } = options;
    this.#invalid = new SlidingWindow({ limit: maxInvalidPerMinute, windowMs: MINUTE_MS, clock });
    this.#silentSince = clock.monotonic();
    this.#socket = options.open(options.url, {
      onOpen: () => {
        this.#onOpen();
      },
      onText: (text) => {
        this.#onText(text);
      },
      onUnreadable: () => {
        if (this.#noteFrame()) this.#refuse();
      },
      onHeartbeat: () => {
        this.#noteFrame();
      },
      onEnd: (end) => {
        this.#finish(end);
        this.#gone.resolve();
      },
    });
    this.#watchdog = clock.every(deadAfterMs / WATCH_STEPS, () => {
      this.#watch();
    });
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Resolves once, with the reason; never rejects. Nothing is reported after that. */
  get ended(): Promise<SocketEnd> {
    return this.#ended.promise;
  }

  /** Resolves when the socket itself no longer exists. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** Does nothing unless the connection is open. */
  send(text: string): void {
    if (this.#state === 'open') this.#socket.send(text);
  }

  end(reason: string): void {
    if (this.#state === 'ended') return;
    this.#finish({ reason, retryAfterMs: 0 });
    this.#socket.terminate();
  }

  #onOpen(): void {
    if (this.#state !== 'connecting') return;
    this.#state = 'open';
    this.#noteFrame();
    this.#options.listener.onOpen();
  }

  #onText(text: string): void {
    if (!this.#noteFrame()) return;
    try {
      if (!this.#options.listener.onText(text)) this.#refuse();
    } catch (error) {
      this.#refuseFault(error);
    }
  }

  /** A fault of ours in handling one frame ends neither the process nor the connection, until it happens again and again. */
  #refuseFault(error: unknown): void {
    this.#options.logger.error({ err: error }, 'frame not handled');
    this.#refuse('Too many frames could not be handled for a fault of ours.');
    if (this.#state === 'ended') reportFault(error);
  }

  #noteFrame(): boolean {
    if (this.#state === 'ended') return false;
    this.#frames += 1;
    this.#options.listener.onActivity();
    return true;
  }

  #refuse(reason = 'The other side sent too many invalid frames.'): void {
    if (this.#state === 'ended') return;
    this.#options.listener.onInvalid();
    if (!this.#invalid.tryTake()) this.end(reason);
  }

  #watch(): void {
    const now = this.#options.clock.monotonic();
    if (this.#frames !== this.#framesSeen) {
      this.#framesSeen = this.#frames;
      this.#silentSince = now;
    } else if (now - this.#silentSince >= this.#options.deadAfterMs) {
      this.end('Nothing came over the connection for too long.');
    }
  }

  #finish(end: SocketEnd): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#watchdog[Symbol.dispose]();
    this.#options.listener.onEnd();
    this.#ended.resolve(end);
  }
}
