import { sleep, systemClock } from '../../../src/shared/clock.ts';
import { waitFor } from '../../support/waitFor.ts';
import { RecordedMarket } from './RecordedMarket.ts';
import { readRecording } from './recording.ts';
import type { RecordedMessage, Recording } from './recording.ts';
import type { StandInBinance } from './StandInBinance.ts';

export interface PlayOptions {
  /** How many times faster than the recording it plays; null for as fast as the clients read. @default null */
  readonly factor?: number | null;
  /**
   * Stops at each snapshot until a client that has the symbol's diffs has requested the book, for at most this time.
   * With 0 it goes on at once, and a client that is late has to keep its diffs. @default 0
   */
  readonly snapshotWaitMs?: number;
  /** Plays at most this many messages; the next `play` goes on after them. @default all */
  readonly messages?: number;
}

/** This many messages are sent between two turns of the event loop, so that others get their share. */
const AT_ONCE = 32;
/** Messages of recordings without times are taken to have this distance. */
const UNTIMED_MS = 100;

/**
 * Plays a recorded session through a stand-in: the recording's symbols are listed as TRADING, each message goes in
 * order to the subscribers of its stream, digit for digit, and each symbol's snapshot is available from its place on. A
 * client that requests a book earlier waits; the playing itself waits for nobody (unless an option says so), so there
 * can be no deadlock.
 */
export class SessionPlayer {
  readonly symbols: readonly string[];
  readonly streams: readonly string[];
  readonly #standIn: StandInBinance;
  readonly #recording: Recording;
  readonly #markets: ReadonlyMap<string, RecordedMarket>;
  #place = 0;

  /** The path is relative to the folder of recordings: `binance/session-….jsonl`. */
  constructor(standIn: StandInBinance, recordingPath: string) {
    this.#standIn = standIn;
    this.#recording = readRecording(recordingPath);
    this.symbols = this.#recording.symbols;
    this.streams = this.#recording.streams;
    this.#markets = new Map(this.symbols.map((symbol) => [symbol, this.#market(symbol)]));
    for (const market of this.#markets.values()) standIn.list(market.listing, market);
  }

  /** The number of messages in the recording. */
  get messages(): number {
    return this.#recording.steps.filter(({ kind }) => kind === 'message').length;
  }

  /** True once every record has been played. */
  get ended(): boolean {
    return this.#place >= this.#recording.steps.length;
  }

  /** The payloads of a stream, in order, as they were recorded. */
  expected(stream: string): string[] {
    return this.#recording.steps
      .filter((step): step is RecordedMessage => step.kind === 'message' && step.stream === stream)
      .map(({ payload }) => payload);
  }

  /** The payloads of bookTicker. */
  expectedTicks(symbol: string): string[] {
    return this.expected(`${symbol.toLowerCase()}@bookTicker`);
  }

  expectedAggTrades(symbol: string): string[] {
    return this.expected(`${symbol.toLowerCase()}@aggTrade`);
  }

  expectedKlines(symbol: string, interval = '1m'): string[] {
    return this.expected(`${symbol.toLowerCase()}@kline_${interval}`);
  }

  expectedDiffs(symbol: string): string[] {
    return this.expected(`${symbol.toLowerCase()}@depth@100ms`);
  }

  /** Resolves when all these streams are subscribed; without a list, all that the recording has. */
  async waitForSubscriptions(streams: readonly string[] = this.streams, deadlineMs = 10_000): Promise<void> {
    const missing = (): string[] => streams.filter((stream) => !this.#standIn.subscribed(stream));
    await waitFor(() => missing().length === 0, `subscriptions to ${streams.length} recorded streams`, deadlineMs);
  }

  /**
   * Plays from the current position. Resolves when everything was sent and has left this process, or the stand-in was
   * closed.
   */
  async play({
    factor = null,
    snapshotWaitMs = 0,
    messages = Number.POSITIVE_INFINITY,
  }: PlayOptions = {}): Promise<void> {
    let sent = 0;
    let last: number | null = null;
    while (!this.#standIn.signal.aborted && sent < messages) {
      const step = this.#recording.steps[this.#place];
      if (step === undefined) break;
      this.#place += 1;
      if (factor !== null) last = await this.#pace(step.atSeconds, last, factor);
      if (step.kind === 'snapshot') {
        await this.#passSnapshot(step.symbol, snapshotWaitMs);
        continue;
      }
      this.#send(step);
      sent += 1;
      if (sent % AT_ONCE === 0) await this.#breathe();
    }
    await this.#flushed();
  }

  #market(symbol: string): RecordedMarket {
    const { steps } = this.#recording;
    const snapshot = steps.find((step) => step.kind === 'snapshot' && step.symbol === symbol);
    const diff = `${symbol.toLowerCase()}@depth`;
    const first = steps.find((step) => step.kind === 'message' && step.stream.startsWith(diff));
    return new RecordedMarket({
      symbol,
      snapshot: snapshot?.kind === 'snapshot' ? snapshot : null,
      firstDiff: first?.kind === 'message' ? first.payload : null,
    });
  }

  #send(message: RecordedMessage): void {
    this.#standIn.publish(message.stream, message.payload);
    const symbol = message.stream.slice(0, message.stream.indexOf('@')).toUpperCase();
    this.#markets.get(symbol)?.note(message);
  }

  async #passSnapshot(symbol: string, waitMs: number): Promise<void> {
    const market = this.#markets.get(symbol);
    if (market === undefined) return;
    market.place();
    const isSubscribed = this.streams.some((stream) => {
      return stream.startsWith(`${symbol.toLowerCase()}@depth`) && this.#standIn.subscribed(stream);
    });
    if (waitMs > 0 && isSubscribed) await this.#within(market.requested, waitMs);
  }

  /** Lets other work run, and waits for slow readers. */
  async #breathe(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    await this.#flushed();
  }

  async #flushed(): Promise<void> {
    await Promise.all(this.#standIn.sockets.map((socket) => socket.flushed()));
  }

  /** Waits as long as the recorder did, divided by the factor; returns the time of this step for the next. */
  async #pace(atSeconds: number | null, last: number | null, factor: number): Promise<number> {
    const now = atSeconds ?? (last ?? 0) + UNTIMED_MS / 1000;
    const pauseMs = last === null ? 0 : ((now - last) * 1000) / factor;
    if (pauseMs >= 1) await sleep(systemClock, pauseMs, this.#standIn.signal);
    return now;
  }

  async #within(fact: Promise<void>, deadlineMs: number): Promise<void> {
    const known = new AbortController();
    await Promise.race([fact, sleep(systemClock, deadlineMs, AbortSignal.any([known.signal, this.#standIn.signal]))]);
    known.abort();
  }
}
