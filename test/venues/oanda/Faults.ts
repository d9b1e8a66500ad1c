import type { ClientPrice } from './prices.ts';
import { json, page, ReplyFaults } from './ReplyFaults.ts';
import type { Reply } from './ReplyFaults.ts';
import type { Ending, StandInStream } from './StandInStream.ts';
import type { StreamHub } from './StreamHub.ts';
import { StreamSwitches } from './StreamSwitches.ts';

export interface FaultTargets {
  readonly hub: StreamHub;
  readonly nowMs: () => number;
  readonly closeIdleConnections: () => void;
  /** Null if the account is not offered the instrument, or has no price of it. */
  readonly lastPrice: (accountId: string, instrument: string) => ClientPrice | null;
  readonly olderPrice: (accountId: string, instrument: string) => ClientPrice | null;
}

export interface Ban {
  readonly untilMs: number;
  /** @default 403 */
  readonly status?: number;
  /** If true, a proxy's page as a firewall sends it; if false, the venue's own answer. @default true */
  readonly html?: boolean;
  readonly retryAfterSeconds?: number;
}

const EURO = Buffer.from('€');

/**
 * Every switch for faults. Each may be set at any time, and applies until it is reset. If an account is given, only its
 * streams are affected, otherwise all.
 */
export class Faults {
  /** Faults in the answers of REST. */
  readonly rest = new ReplyFaults({ withBodies: true });
  /** Faults in the answers to requests that open a stream. */
  readonly opening = new ReplyFaults({ withBodies: false });
  /** Faults in what open streams send. */
  readonly stream = new StreamSwitches();
  /** Connections to both hosts are accepted and reset at once. */
  refuseConnections = false;
  /** Everything is answered with this status: 504 by the venue, others by a proxy's page. Open streams go on. */
  maintenance: number | null = null;
  /** Refusals of streams have the JSON body that REST has; otherwise they have none. */
  streamErrorBodies = false;
  readonly #targets: FaultTargets;
  #ban: Ban | null = null;

  constructor(targets: FaultTargets) {
    this.#targets = targets;
  }

  /**
   * Until the end of the ban, by the stand-in's clock, everything is answered with this status. Open streams go on.
   * Null ends the ban.
   */
  ban(ban: Ban | null): void {
    this.#ban = ban;
  }

  /** The answer to every request now; null if there is none in particular. */
  standingReply(): Reply | null {
    const ban = this.#ban;
    if (ban !== null && ban.untilMs > this.#targets.nowMs()) {
      const status = ban.status ?? 403;
      const reply = ban.html === false ? json(status) : page(status);
      return { ...reply, retryAfterSeconds: ban.retryAfterSeconds ?? null };
    }
    if (this.maintenance === null) return null;
    return this.maintenance === 504 ? json(504) : page(this.maintenance);
  }

  /** Makes the open streams silent for good; new ones are served. */
  silenceOpenStreams(accountId?: string): void {
    for (const stream of this.#streams(accountId)) stream.silenced = true;
  }

  /** The open streams get no more prices, only heartbeats; new ones are served. */
  muteOpenStreams(accountId?: string): void {
    for (const stream of this.#streams(accountId)) stream.muted = true;
  }

  /** Makes the venue forget the open streams, while their clients get neither a byte nor an end. */
  forgetOpenStreams(accountId?: string): void {
    for (const stream of this.#streams(accountId)) stream.forget();
  }

  /** Ends the open streams. Resolves when they have closed. */
  async hangUp(how: Ending = 'end', accountId?: string): Promise<void> {
    await this.#endAll(accountId, (stream) => {
      stream.end(how);
    });
  }

  /** Sends each stream the first part of a price's line, and ends it. */
  async endInMidLine(how: Ending = 'drop', accountId?: string): Promise<void> {
    await this.#endAll(accountId, (stream) => stream.endAfter(Buffer.from('{"type":"PRICE","time":"2026-01-0'), how));
  }

  /** Sends each stream the first part of a line, up to the middle of a character, and ends it. */
  async endInMidCharacter(how: Ending = 'drop', accountId?: string): Promise<void> {
    await this.#endAll(accountId, (stream) =>
      stream.endAfter(Buffer.concat([Buffer.from('{"type":"PRICE","note":"'), EURO.subarray(0, 2)]), how),
    );
  }

  /** Sends each stream these bytes instead of the length of an HTTP chunk, and ends it. */
  async endInChunkHeader(bytes = '1f', accountId?: string): Promise<void> {
    await this.#endAll(accountId, (stream) => {
      stream.endInChunkHeader(bytes);
    });
  }

  /** Sends these bytes to the open streams unchanged, as one HTTP chunk; the caller adds the line end. */
  malformed(bytes: string | Buffer, accountId?: string): void {
    for (const stream of this.#streams(accountId)) stream.send(bytes);
  }

  /** Sends a line of an undocumented type. */
  unknownType(accountId?: string): void {
    this.malformed('{"type":"SOMETHING_NEW","instrument":"EUR_USD","detail":{"bids":[]}}\n', accountId);
  }

  /** Sends the last price again, with the same time. */
  repeatPrice(accountId: string, instrument: string): void {
    this.#again(accountId, this.#targets.lastPrice(accountId, instrument));
  }

  /** Sends the price before the last. */
  olderPrice(accountId: string, instrument: string): void {
    this.#again(accountId, this.#targets.olderPrice(accountId, instrument));
  }

  /** Closes connections without an open request, as the venue does if they are idle for long. */
  closeIdleConnections(): void {
    this.#targets.closeIdleConnections();
  }

  #again(accountId: string, price: ClientPrice | null): void {
    if (price === null) throw new RangeError('there is no such price yet');
    this.#targets.hub.deliver(accountId, price);
  }

  #streams(accountId?: string): readonly StandInStream[] {
    return accountId === undefined ? this.#targets.hub.streams : this.#targets.hub.of(accountId);
  }

  async #endAll(accountId: string | undefined, end: (stream: StandInStream) => void | Promise<void>): Promise<void> {
    const ended = this.#streams(accountId).map(async (stream) => {
      await end(stream);
      await stream.closed;
    });
    await Promise.all(ended);
  }
}
