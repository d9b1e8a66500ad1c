import { z } from 'zod';
import { recordingText } from '../../support/recordings.ts';
import { listing } from './instruments.ts';
import type { StandInOanda } from './StandInOanda.ts';
import type { StandInStream } from './StandInStream.ts';

export interface PlayOptions {
  /** Byte offsets in the sample, ascending, between two HTTP chunks. @default after each line */
  readonly cuts?: readonly number[];
  /** Stops at this offset, even in the middle of a line; the next `play` goes on from there. @default the end */
  readonly until?: number;
  /** Plays to the streams of this account only. @default all */
  readonly accountId?: string;
}

const Level = z.object({ price: z.string(), liquidity: z.number() });
const Price = z.object({
  instrument: z.string(),
  time: z.string(),
  bids: z.array(Level),
  asks: z.array(Level),
  closeoutBid: z.string(),
  closeoutAsk: z.string(),
  tradeable: z.boolean().exactOptional(),
});
type RecordedPrice = z.infer<typeof Price>;

/**
 * Plays a recorded stream through a stand-in, byte for byte, to the open streams. Make it before they open: its
 * instruments are listed if they are not yet, and their markets are emptied, so that only the sample gives prices. REST
 * returns the prices that were played last.
 */
export class SamplePlayer {
  readonly instruments: readonly string[];
  /** The records in order, as text, without blank ones. */
  readonly lines: readonly string[];
  readonly bytes: Buffer;
  readonly #standIn: StandInOanda;
  #place = 0;

  /**
   * The path is relative to the folder of recordings: `oanda/stream-….ndjson`. `toLines` converts a file in another
   * form to the lines of a stream; the last line has an end, too.
   */
  constructor(standIn: StandInOanda, recordingPath: string, toLines = (text: string): string => text) {
    this.#standIn = standIn;
    const text = toLines(recordingText(recordingPath));
    this.bytes = Buffer.from(text);
    this.lines = text.split(/\r?\n/).filter((line) => line !== '');
    const prices = this.lines.flatMap((line) => priceOf(line) ?? []);
    this.instruments = [...new Set(prices.map(({ instrument }) => instrument))];
    for (const name of this.instruments) this.#prepare(name, prices);
  }

  /** True once every byte has been played. */
  get ended(): boolean {
    return this.#place >= this.bytes.length;
  }

  /** The lines with prices of an instrument. */
  pricesOf(instrument: string): string[] {
    return this.lines.filter((line) => priceOf(line)?.instrument === instrument);
  }

  /** The next `play` begins with the first byte. */
  rewind(): void {
    this.#place = 0;
  }

  /**
   * Plays from the current position. Each piece is a write of its own, without heartbeats in between. Resolves when
   * everything was sent and has left this process, or the stand-in was closed.
   */
  async play({ cuts = this.#lineEnds(), until = this.bytes.length, accountId }: PlayOptions = {}): Promise<void> {
    const streams = accountId === undefined ? this.#standIn.streams : this.#standIn.streamsOf(accountId);
    using holds = new DisposableStack();
    for (const stream of streams) holds.use(stream.hold());
    const begin = this.#place;
    for (const at of [...cuts.filter((cut) => cut > begin && cut < until), until]) {
      if (this.#standIn.signal.aborted) return;
      const piece = this.bytes.subarray(this.#place, at);
      this.#place = at;
      await sendAll(streams, piece);
    }
    this.#note(begin, accountId);
  }

  #lineEnds(): number[] {
    return [...this.bytes.keys()].filter((index) => this.bytes[index] === LINE_FEED).map((index) => index + 1);
  }

  #prepare(name: string, prices: readonly RecordedPrice[]): void {
    const sample = prices.find(({ instrument }) => instrument === name)?.bids[0]?.price ?? '1.00000';
    const digits = sample.split('.')[1]?.length ?? 0;
    const isListed = this.#standIn.lists(name);
    if (!isListed) this.#standIn.list(listing({ name, price: sample, displayPrecision: digits }));
    for (const { id } of this.#standIn.accounts) this.#standIn.market(name).of(id)?.empty();
  }

  /** Makes the prices whose lines ended since this offset the last prices of their markets. */
  #note(begin: number, accountId?: string): void {
    const first = this.bytes.lastIndexOf(LINE_FEED, begin - 1) + 1;
    const played = this.bytes.subarray(begin === 0 ? 0 : first, this.#place).toString();
    const whole = played.slice(0, played.lastIndexOf('\n') + 1);
    for (const line of whole.split('\n')) {
      const price = priceOf(line);
      if (price === null) continue;
      for (const { id } of this.#standIn.accounts) {
        if (accountId !== undefined && id !== accountId) continue;
        const market = this.#standIn.market(price.instrument).of(id);
        market?.accept({ ...market.drafted(price), timeText: null });
      }
    }
  }
}

const LINE_FEED = 10;

function priceOf(line: string): RecordedPrice | null {
  if (line.trim() === '') return null;
  const parsed = Price.safeParse(JSON.parse(line));
  return parsed.success ? parsed.data : null;
}

async function sendAll(streams: readonly StandInStream[], piece: Buffer): Promise<void> {
  for (const stream of streams) stream.send(piece);
  await new Promise((resolve) => setImmediate(resolve));
  await Promise.all(streams.map((stream) => stream.flushed()));
}
