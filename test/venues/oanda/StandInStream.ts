import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { sleep, systemClock } from '../../../src/shared/clock.ts';
import type { Clock } from '../../../src/shared/clock.ts';
import { Timers } from '../timing.ts';
import { Writes } from '../Writes.ts';
import type { StreamSwitches } from './StreamSwitches.ts';
import { PLAIN_STYLE, renderHeartbeat, renderPrice } from './prices.ts';
import type { ClientPrice, PriceStyle } from './prices.ts';
import type { Nanos, TimeFormat, VenueTime } from './time.ts';

export interface StreamTimings {
  readonly heartbeatMs: number;
  /** If an instrument has several prices in a window of this length, only the last is sent; 0 sends all. */
  readonly windowMs: number;
}

export interface StandInStreamOptions {
  readonly id: number;
  readonly accountId: string;
  readonly token: string;
  readonly instruments: readonly string[];
  readonly snapshot: boolean;
  readonly timeFormat: TimeFormat;
  readonly response: ServerResponse;
  readonly socket: Socket;
  readonly time: VenueTime;
  readonly timings: StreamTimings;
  readonly clock: Clock;
  /** The phase of the first window, in [0, 1): windows of different connections are not in step. */
  readonly phase: number;
  readonly switches: StreamSwitches;
  readonly onClose: () => void;
}

/** How a connection ends: with the body's proper end, with the end of TCP only, or with a TCP reset. */
export type Ending = 'end' | 'drop' | 'reset';

/** A client that leaves more than this unread is cut off. */
const MAX_BACKLOG_BYTES = 8 * 1024 * 1024;

/** One open price stream, with the venue's rules for it: its windows, its heartbeats. */
export class StandInStream {
  readonly id: number;
  readonly accountId: string;
  readonly token: string;
  /** The instruments as they were requested. */
  readonly instruments: readonly string[];
  readonly snapshot: boolean;
  readonly timeFormat: TimeFormat;
  /** The wall time at which it opened, with a fraction. */
  readonly since: number;
  /** Makes this stream alone silent. */
  silenced = false;
  /** It gets no more prices, but heartbeats. */
  muted = false;
  /** Its prices come later than those of other streams by this time. */
  lagMs: number;
  readonly #options: StandInStreamOptions;
  readonly #timers: Timers;
  readonly #openedMs: number;
  readonly #wanted: ReadonlySet<string>;
  readonly #pending = new Map<string, ClientPrice>();
  readonly #sentTimes = new Map<string, Nanos>();
  readonly #closing = Promise.withResolvers<void>();
  #pricesSent = 0;
  #heartbeatsSent = 0;
  #flushing = false;
  #holds = 0;
  #turn: string[] = [];
  readonly #writes = new Writes();
  #ended = false;

  constructor(options: StandInStreamOptions) {
    this.#options = options;
    this.#timers = new Timers(options.clock);
    this.#openedMs = options.clock.monotonic();
    this.since = performance.timeOrigin + this.#openedMs;
    this.id = options.id;
    this.accountId = options.accountId;
    this.token = options.token;
    this.instruments = options.instruments;
    this.snapshot = options.snapshot;
    this.timeFormat = options.timeFormat;
    this.lagMs = options.switches.lagMs;
    this.#wanted = new Set(options.instruments);
    options.socket.setNoDelay(true);
    options.response.on('close', () => {
      this.#leave();
      this.#closing.resolve();
    });
    this.#timers.every(options.timings.heartbeatMs, () => {
      this.heartbeat();
    });
    const { lifetimeMs } = options.switches;
    if (lifetimeMs !== null) {
      this.#timers.after(lifetimeMs, () => {
        this.end('end');
      });
    }
  }

  /** False once the venue has ended it, whether or not the client has noticed. */
  get open(): boolean {
    const { response, socket } = this.#options;
    return !this.#ended && !socket.destroyed && !response.writableEnded;
  }

  /** Resolves once the connection has ended. */
  get closed(): Promise<void> {
    return this.#closing.promise;
  }

  /** The number of PRICE lines that were written to the connection. */
  get pricesSent(): number {
    return this.#pricesSent;
  }

  get heartbeatsSent(): number {
    return this.#heartbeatsSent;
  }

  has(instrument: string): boolean {
    return this.#wanted.has(instrument);
  }

  /** Sends a price at once, whatever its window; an older price that waits in the window is dropped. */
  deliver(price: ClientPrice, style?: Partial<PriceStyle>): void {
    const { switches } = this.#options;
    if (!this.has(price.instrument) || switches.noPrices || this.muted) return;
    const line = renderPrice(price, this.timeFormat, { ...PLAIN_STYLE, ...switches.style, ...style });
    if ((this.#sentTimes.get(price.instrument) ?? 0n) < price.time) this.#sentTimes.set(price.instrument, price.time);
    const send = (): void => {
      if (this.#line(line)) this.#pricesSent += 1;
    };
    if (this.lagMs > 0) this.#timers.after(this.lagMs, send);
    else send();
  }

  /** Sends a price at the end of its window, unless a later one comes. */
  offer(price: ClientPrice): void {
    if (!this.has(price.instrument)) return;
    const { clock, phase, timings } = this.#options;
    const { windowMs } = timings;
    if (windowMs === 0 && this.#holds === 0) return this.deliver(price);
    this.#pending.set(price.instrument, price);
    if (this.#flushing || windowMs === 0) return;
    this.#flushing = true;
    const age = clock.monotonic() - this.#openedMs + phase * windowMs;
    this.#timers.after(windowMs - (age % windowMs), () => {
      this.#flushing = false;
      this.#flush();
    });
  }

  heartbeat(): void {
    const { switches, time } = this.#options;
    if (switches.noHeartbeats || this.#holds > 0) return;
    const style = { ...PLAIN_STYLE, ...switches.style };
    if (this.#line(renderHeartbeat(time.stamp(), this.timeFormat, style))) this.#heartbeatsSent += 1;
  }

  /** Sends a line of any content in the current style. Returns false if nothing was sent. */
  #line(text: string): boolean {
    if (!this.open || this.#silent) return false;
    const { switches } = this.#options;
    const line = `${text}${switches.lineEnd}${switches.blankLines ? switches.lineEnd : ''}`;
    if (!switches.coalesced) this.#cutAndWrite(Buffer.from(line));
    else if (this.#turn.push(line) === 1) {
      this.#timers.after(0, () => {
        this.#cutAndWrite(Buffer.from(this.#turn.join('')));
        this.#turn = [];
      });
    }
    return true;
  }

  /** Sends these bytes unchanged as one HTTP chunk: not cut, without a line end, and in spite of `hold`. */
  send(bytes: Buffer | string): void {
    if (!this.open || this.#silent || bytes.length === 0) return;
    this.#options.response.write(bytes, this.#writes.begin());
    if (this.#options.socket.writableLength > MAX_BACKLOG_BYTES) this.end('reset');
  }

  /**
   * Keeps heartbeats and prices of windows from getting between bytes that are sent by hand, until it is disposed of.
   */
  hold(): Disposable {
    this.#holds += 1;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#holds -= 1;
        if (this.#holds === 0) this.#flush();
      },
    };
  }

  /** Resolves when the operating system has accepted everything that was sent before, or the stream has closed. */
  flushed(): Promise<void> {
    return this.#writes.done();
  }

  end(how: Ending): void {
    const { response, socket } = this.#options;
    if (how === 'end' && !this.#ended) response.end();
    else if (how === 'reset') socket.resetAndDestroy();
    else socket.destroy();
  }

  /**
   * Sends some bytes without a line end, and ends the stream; before a reset it leaves time to read them, because a
   * reset discards them.
   */
  async endAfter(bytes: Buffer, how: Ending): Promise<void> {
    using _held = this.hold();
    this.send(bytes);
    await this.flushed();
    if (how === 'reset') await sleep(systemClock, 20);
    this.end(how);
  }

  /** Writes these bytes where HTTP expects a chunk's header, and then ends TCP. */
  endInChunkHeader(bytes: string): void {
    const { socket } = this.#options;
    socket.write(bytes, 'latin1', () => socket.destroy());
  }

  /**
   * Behaves as if a router had forgotten the connection: for the venue it has ended, and the client does not notice.
   */
  forget(): void {
    this.#leave();
  }

  get #silent(): boolean {
    return this.silenced || this.#options.switches.silence;
  }

  #flush(): void {
    if (this.#holds > 0) return;
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    for (const price of waiting) if (price.time > (this.#sentTimes.get(price.instrument) ?? 0n)) this.deliver(price);
  }

  #cutAndWrite(bytes: Buffer): void {
    const cuts = this.#options.switches.cutsOf(bytes);
    let from = 0;
    for (const at of [...cuts, bytes.length]) {
      if (at <= from) continue;
      this.send(bytes.subarray(from, at));
      from = at;
    }
  }

  #leave(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timers[Symbol.dispose]();
    this.#writes.end();
    this.#options.onClose();
  }
}
