import type { ClientPrice } from './prices.ts';
import { json, page, ReplyFaults } from './ReplyFaults.ts';
import type { Reply } from './ReplyFaults.ts';
import type { Ending, StandInStream } from './StandInStream.ts';
import type { StreamHub } from './StreamHub.ts';
import { StreamSwitches } from './StreamSwitches.ts';

export interface FaultsHands {
  readonly hub: StreamHub;
  readonly nowMs: () => number;
  readonly closeIdleConnections: () => void;
  /** Null for what the account is not offered, or has no price of. */
  readonly lastPrice: (accountId: string, instrument: string) => ClientPrice | null;
  readonly olderPrice: (accountId: string, instrument: string) => ClientPrice | null;
}

export interface Ban {
  readonly untilMs: number;
  /** @default 403 */
  readonly status?: number;
  /** A proxy's page, as a firewall gives, or what the venue itself says. @default true */
  readonly html?: boolean;
  readonly retryAfterSeconds?: number;
}

const EURO = Buffer.from('€');

/**
 * Every switch for what may go wrong. Each may be set at any time, and holds until it is set back. Where an account may be
 * named, only its streams are concerned; else all.
 */
export class Faults {
  /** Answers of REST. */
  readonly rest = new ReplyFaults({ withBodies: true });
  /** Answers to requests that open a stream. */
  readonly opening = new ReplyFaults({ withBodies: false });
  /** What open streams send, and how. */
  readonly stream = new StreamSwitches();
  /** Connections, to both hosts, are accepted and reset at once. */
  refuseConnections = false;
  /** Everything is answered with that status: 504 by the venue, others by a proxy's page. Open streams go on. */
  maintenance: number | null = null;
  /** Refusals of streams have the JSON body that REST has; else none. */
  streamErrorBodies = false;
  readonly #hands: FaultsHands;
  #ban: Ban | null = null;

  constructor(hands: FaultsHands) {
    this.#hands = hands;
  }

  /** Until then, by the stand-in's clock, everything is answered with that status. Open streams go on. Null: no more. */
  ban(ban: Ban | null): void {
    this.#ban = ban;
  }

  /** What everybody is answered now; null: nothing in particular. */
  standingReply(): Reply | null {
    const ban = this.#ban;
    if (ban !== null && ban.untilMs > this.#hands.nowMs()) {
      const status = ban.status ?? 403;
      const reply = ban.html === false ? json(status) : page(status);
      return { ...reply, retryAfterSeconds: ban.retryAfterSeconds ?? null };
    }
    if (this.maintenance === null) return null;
    return this.maintenance === 504 ? json(504) : page(this.maintenance);
  }

  /** The streams that are open fall silent for good; new ones are served. */
  silenceOpenStreams(accountId?: string): void {
    for (const stream of this.#streams(accountId)) stream.silenced = true;
  }

  /** The venue has done with the open streams, and their clients get neither a byte nor an end. */
  forgetOpenStreams(accountId?: string): void {
    for (const stream of this.#streams(accountId)) stream.forget();
  }

  /** Ends the open streams. Resolves when they have closed. */
  async hangUp(how: Ending = 'end', accountId?: string): Promise<void> {
    await this.#endAll(accountId, (stream) => {
      stream.end(how);
    });
  }

  /** Each stream gets the first part of a price's line, and ends. */
  async endInMidLine(how: Ending = 'drop', accountId?: string): Promise<void> {
    await this.#endAll(accountId, (stream) => stream.endAfter(Buffer.from('{"type":"PRICE","time":"2026-01-0'), how));
  }

  /** Each stream gets the first part of a line, up to the middle of a character, and ends. */
  async endInMidCharacter(how: Ending = 'drop', accountId?: string): Promise<void> {
    await this.#endAll(accountId, (stream) =>
      stream.endAfter(Buffer.concat([Buffer.from('{"type":"PRICE","note":"'), EURO.subarray(0, 2)]), how),
    );
  }

  /** Each stream gets these bytes where HTTP has the length of a chunk, and ends. */
  async endInChunkHeader(bytes = '1f', accountId?: string): Promise<void> {
    await this.#endAll(accountId, (stream) => {
      stream.endInChunkHeader(bytes);
    });
  }

  /** Sends these bytes to the open streams, as they are, one HTTP chunk: the line end is the caller's. */
  malformed(bytes: string | Buffer, accountId?: string): void {
    for (const stream of this.#streams(accountId)) stream.send(bytes);
  }

  /** Sends a line of a type that no documentation has. */
  unknownType(accountId?: string): void {
    this.malformed('{"type":"SOMETHING_NEW","instrument":"EUR_USD","detail":{"bids":[]}}\n', accountId);
  }

  /** Sends the last price again, with the same time. */
  repeatPrice(accountId: string, instrument: string): void {
    this.#again(accountId, this.#hands.lastPrice(accountId, instrument));
  }

  /** Sends the price before the last. */
  olderPrice(accountId: string, instrument: string): void {
    this.#again(accountId, this.#hands.olderPrice(accountId, instrument));
  }

  /** Ends connections on which no request is open, as the venue does when they were idle for long. */
  closeIdleConnections(): void {
    this.#hands.closeIdleConnections();
  }

  #again(accountId: string, price: ClientPrice | null): void {
    if (price === null) throw new RangeError('there is no such price yet');
    this.#hands.hub.deliver(accountId, price);
  }

  #streams(accountId?: string): readonly StandInStream[] {
    return accountId === undefined ? this.#hands.hub.streams : this.#hands.hub.of(accountId);
  }

  async #endAll(accountId: string | undefined, end: (stream: StandInStream) => void | Promise<void>): Promise<void> {
    const ended = this.#streams(accountId).map(async (stream) => {
      await end(stream);
      await stream.closed;
    });
    await Promise.all(ended);
  }
}
