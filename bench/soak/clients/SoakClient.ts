import type { Random } from '../../../src/shared/random.ts';
import { assertNever } from '../../../src/shared/errors.ts';
import type { ClientFault } from '../schedule.ts';
import type { Connection, Resumption } from './Connection.ts';
import type { Seen } from './events.ts';
import { openResumable } from './resumableConnection.ts';
import { openRaw } from './rawConnection.ts';
import { openSocket } from './socketConnection.ts';
import { openStream } from './streamConnection.ts';
import type { ResumableListener } from './resumableConnection.ts';
import type { StreamListener } from './streamConnection.ts';
import type { Wish } from './wishes.ts';

/** The history of a client, in order. */
export type Observation =
  | { readonly kind: 'connecting'; readonly resumes: readonly string[] | null }
  | { readonly kind: 'open' | 'paused' | 'reading' }
  | { readonly kind: 'event'; readonly event: Seen }
  | { readonly kind: 'fault'; readonly text: string }
  | { readonly kind: 'credentials'; readonly held: boolean }
  | { readonly kind: 'end'; readonly why: string };

export interface SoakClientOptions {
  readonly name: string;
  readonly wish: Wish;
  readonly random: Random;
  /** The port of its own line to the gateway. */
  readonly port: number;
  readonly line: ClientLine | null;
  readonly observe: (observation: Observation) => void;
  /** How long after an end it connects again. @default 50 to 1500 ms */
  readonly retryMs?: readonly [number, number];
}

/** Its connections go through this proxy. */
export interface ClientLine {
  cut(afterBytes: number): void;
  silent: boolean;
  delayMs: number;
}

/** A client that connects again whenever its connection has ended, until it is closed. Its starter closes it. */
export class SoakClient {
  readonly name: string;
  readonly wish: Wish;
  connects = 0;
  resumes = 0;
  readonly #options: SoakClientOptions;
  readonly #cursors = new Map<string, string>();
  #lastEventId: string | null = null;
  #connection: Connection | null = null;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;
  readonly #restores = new Set<NodeJS.Timeout>();

  constructor(options: SoakClientOptions) {
    this.#options = options;
    this.name = options.name;
    this.wish = options.wish;
  }

  get isConnected(): boolean {
    return this.#connection !== null;
  }

  start(): void {
    this.#connect();
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const timer of this.#restores) clearTimeout(timer);
    this.#connection?.close();
  }

  /** The next connection begins anew. */
  forget(): void {
    this.#cursors.clear();
    this.#lastEventId = null;
  }

  /** Cuts the connection with a reset. */
  die(): void {
    this.#connection?.die();
  }

  /** Does what the schedule says. Returns until when, from now on, the client can't be expected to keep up. */
  suffer(fault: ClientFault): number {
    const { line } = this.#options;
    switch (fault.kind) {
      case 'cut':
        line?.cut(fault.afterBytes);
        return 0;
      case 'die':
        this.die();
        return 0;
      case 'leave':
        this.#leave(fault.forMs);
        return fault.forMs;
      case 'pause':
        this.#pause(fault.forMs);
        return fault.forMs;
      case 'blackhole':
        if (line !== null) line.silent = true;
        this.#after(fault.forMs, () => {
          if (line !== null) line.silent = false;
        });
        return fault.forMs;
      case 'delay':
        if (line !== null) line.delayMs = fault.byMs;
        this.#after(fault.forMs, () => {
          if (line !== null) line.delayMs = 0;
        });
        return fault.forMs + fault.byMs;
      case 'withdraw':
        if (this.wish.credentials === null || this.wish.protocol !== 'graphql-ws') return 0;
        this.#connection?.setCredentials(false);
        this.#after(fault.forMs, () => {
          // Its first events may come before the answer.
          this.#options.observe({ kind: 'credentials', held: true });
          this.#connection?.setCredentials(true);
        });
        return fault.forMs;
      default:
        return assertNever(fault);
    }
  }

  #leave(forMs: number): void {
    const connection = this.#connection;
    if (connection === null) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#connect();
    }, forMs);
    connection.close();
  }

  #pause(forMs: number): void {
    const connection = this.#connection;
    if (connection === null) return;
    connection.setPaused(true);
    this.#options.observe({ kind: 'paused' });
    this.#after(forMs, () => {
      if (connection !== this.#connection) return;
      connection.setPaused(false);
      this.#options.observe({ kind: 'reading' });
    });
  }

  #after(ms: number, task: () => void): void {
    const timer = setTimeout(() => {
      this.#restores.delete(timer);
      task();
    }, ms);
    this.#restores.add(timer);
  }

  #connect(): void {
    if (this.#closed || this.#connection !== null) return;
    const { observe, port } = this.#options;
    const { wish } = this;
    // A client with its own way to resume begins anew if it was closed.
    const mayResume = wish.resume && wish.protocol !== 'resumable';
    const resumption: Resumption = mayResume
      ? { cursors: [...this.#cursors.values()], lastEventId: this.#lastEventId }
      : { cursors: [], lastEventId: null };
    this.connects += 1;
    const isResumed = mayResume && (wish.protocol === 'sse' ? this.#lastEventId !== null : this.#cursors.size > 0);
    if (isResumed) this.resumes += 1;
    else this.#cursors.clear();
    observe({ kind: 'connecting', resumes: isResumed ? resumption.cursors : null });
    const listener = this.#listener();
    const open = wish.protocol === 'raw' ? openRaw : isSocket(wish) ? openSocket : openStream;
    this.#connection =
      wish.protocol === 'resumable' ? openResumable(port, wish, listener) : open(port, wish, resumption, listener);
  }

  #listener(): StreamListener & ResumableListener {
    const { observe } = this.#options;
    return {
      onOpen: () => {
        observe({ kind: 'open' });
      },
      onEvent: (event) => {
        if (event.cursor !== null) this.#cursors.set(streamOf(event), event.cursor);
        observe({ kind: 'event', event });
      },
      onEventId: (id) => {
        this.#lastEventId = id;
      },
      onFault: (text) => {
        observe({ kind: 'fault', text });
      },
      onCredentials: (held) => {
        observe({ kind: 'credentials', held });
      },
      onDrop: (why) => {
        observe({ kind: 'end', why });
      },
      onAgain: () => {
        this.connects += 1;
        this.resumes += 1;
        observe({ kind: 'connecting', resumes: [...this.#cursors.values()] });
      },
      onEnd: (why) => {
        this.#connection = null;
        observe({ kind: 'end', why });
        this.#retry();
      },
    };
  }

  #retry(): void {
    if (this.#closed || this.#timer !== null) return;
    const { random, retryMs: [least, most] = [50, 1_500] } = this.#options;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        this.#connect();
      },
      least + random() * (most - least),
    );
  }
}

function isSocket({ protocol }: Wish): boolean {
  return protocol === 'graphql-ws' || protocol === 'batch';
}

function streamOf(event: Seen): string {
  return `${event.broker} ${event.symbol} ${event.kind === 'data' ? event.type : 'status'}`;
}
