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
  /** Of several prices of an instrument in a window of that length only the last is sent; 0: all are. */
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
  /** Of the first window, in [0, 1): windows of different connections are not in step. */
  readonly phase: number;
  readonly switches: StreamSwitches;
  readonly onClose: () => void;
}

/** How a connection ends: the body's proper end, the end of TCP without it, a TCP reset. */
export type Ending = 'end' | 'drop' | 'reset';

/** What a client may leave unread before it is cut off. */
const MAX_BACKLOG_BYTES = 8 * 1024 * 1024;

/** One open price stream, with the venue's rules for it: its windows, its heartbeats. */
export class StandInStream {
  readonly id: number;
  readonly accountId: string;
  readonly token: string;
  /** As they were asked for. */
  readonly instruments: readonly string[];
  readonly snapshot: boolean;
  readonly timeFormat: TimeFormat;
  /** Wall time at which it opened, with a fraction. */
  readonly since: number;
  /** This stream alone falls silent. */
  silenced = false;
  /** Its prices come so much later than those of other streams. */
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
  #gone = false;

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

  /** False once the venue has done with it, whatever the client knows of that. */
  get open(): boolean {
    const { response, socket } = this.#options;
    return !this.#gone && !socket.destroyed && !response.writableEnded;
  }

  /** Resolves once the connection has ended. */
  get closed(): Promise<void> {
    return this.#closing.promise;
  }

  /** PRICE lines that were handed to the connection. */
  get pricesSent(): number {
    return this.#pricesSent;
  }

  get heartbeatsSent(): number {
    return this.#heartbeatsSent;
  }

  has(instrument: string): boolean {
    return this.#wanted.has(instrument);
  }

  /** Sends a price at once, be its window what it may; what waits in the window and is older is dropped. */
  deliver(price: ClientPrice, style?: Partial<PriceStyle>): void {
    const { switches } = this.#options;
    if (!this.has(price.instrument) || switches.noPrices) return;
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

  /** A line of any content, written as lines are at this time. False: nothing was sent. */
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

  /** These bytes as they are, one HTTP chunk: not cut, no line end, not stopped by `hold`. */
  send(bytes: Buffer | string): void {
    if (!this.open || this.#silent || bytes.length === 0) return;
    this.#options.response.write(bytes, this.#writes.begin());
    if (this.#options.socket.writableLength > MAX_BACKLOG_BYTES) this.end('reset');
  }

  /** Until it is disposed of, no heartbeat and no window's price gets between the bytes that are sent by hand. */
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

  /** Resolves when all that was sent before has gone to the operating system, or the stream has closed. */
  flushed(): Promise<void> {
    return this.#writes.done();
  }

  end(how: Ending): void {
    const { response, socket } = this.#options;
    if (how === 'end' && !this.#gone) response.end();
    else if (how === 'reset') socket.resetAndDestroy();
    else socket.destroy();
  }

  /** Some bytes, without a line end, and then the end; a reset leaves them time to be read, for it would throw them away. */
  async endAfter(bytes: Buffer, how: Ending): Promise<void> {
    using _held = this.hold();
    this.send(bytes);
    await this.flushed();
    if (how === 'reset') await sleep(systemClock, 20);
    this.end(how);
  }

  /** These bytes go past HTTP's framing, where a chunk's header ought to be; then TCP ends. */
  endInChunkHeader(bytes: string): void {
    const { socket } = this.#options;
    socket.write(bytes, 'latin1', () => socket.destroy());
  }

  /** As after a router forgot the connection: the venue has done with it, and the client is told nothing. */
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
    if (this.#gone) return;
    this.#gone = true;
    this.#timers[Symbol.dispose]();
    this.#writes.end();
    this.#options.onClose();
  }
}
