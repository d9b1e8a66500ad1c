import { RestFaults } from './RestFaults.ts';
import type { SocketHub } from './SocketHub.ts';
import type { Alignment, DiffFault, StandInMarket } from './StandInMarket.ts';
import type { Now } from '../timing.ts';

export interface FaultTargets {
  readonly hub: SocketHub;
  readonly market: (symbol: string) => StandInMarket;
  readonly now: Now;
}

/** Every switch for faults. Each may be set at any time, and applies until it is reset. */
export class Faults {
  readonly rest = new RestFaults();
  /** SUBSCRIBE and UNSUBSCRIBE get no answer and have no effect. */
  ignoreSubscribe = false;
  /** The first message of a new stream comes before the acknowledgement. */
  dataBeforeAck = false;
  /** One more message of a stream comes after UNSUBSCRIBE was acknowledged. */
  dataAfterUnsubscribe = false;
  /** No socket, open or new, gets a byte: no data, answers, pings, pongs or close frames. REST goes on. */
  silence = false;
  /** Connections, including those of HTTP, are accepted and reset at once. */
  refuseConnections = false;
  /** WebSocket handshakes get this HTTP status. */
  handshakeStatus: number | null = null;
  /** WebSocket handshakes are answered with this delay. */
  handshakeDelayMs = 0;
  /** Sockets opened from now on end after this time. */
  lifetimeMs: number | null;
  /** Requests with a string as id: live servers did not answer them; the documentation accepts them. */
  stringIds: 'silent' | 'accept' = 'silent';
  readonly #targets: FaultTargets;

  constructor(targets: FaultTargets, lifetimeMs: number | null) {
    this.#targets = targets;
    this.lifetimeMs = lifetimeMs;
  }

  /**
   * Streams whose whole name matches (`*` matches anything) are acknowledged and listed, but deliver nothing. Null
   * turns this off.
   */
  ackButSilent(streams: RegExp | string | null): void {
    this.#targets.hub.muted = typeof streams === 'string' ? wildcard(streams) : streams;
  }

  /** Makes the open sockets silent for good; new ones are served. */
  silenceOpenSockets(): void {
    for (const socket of this.#targets.hub.sockets) socket.silenced = true;
  }

  /** The sockets that are open get no more market data, only pings and answers; new ones are served. */
  muteOpenSockets(): void {
    for (const socket of this.#targets.hub.sockets) socket.muted = true;
  }

  /** What the sockets that are open get is that old; 0: no longer. */
  delayOpenSockets(ms: number): void {
    for (const socket of this.#targets.hub.sockets) socket.delayMs = ms;
  }

  /** The next `times` snapshots are older than any diff that is still to come. */
  snapshotLag(symbol: string, times = 1): void {
    this.#targets.market(symbol).lagSnapshot(times);
  }

  /** Sets the alignment of the first diff after a snapshot. */
  snapshotAlignment(symbol: string, alignment: Alignment): void {
    this.#targets.market(symbol).alignment = alignment;
  }

  /** Makes the next diffs without sending them, which leaves a gap. */
  skipDiff(symbol: string, times = 1): void {
    this.#queue(symbol, 'skip', times);
  }

  /** Sends the next diffs twice. */
  duplicateDiff(symbol: string, times = 1): void {
    this.#queue(symbol, 'duplicate', times);
  }

  /** Makes the next diffs begin where the ones before them began. */
  overlapDiff(symbol: string, times = 1): void {
    this.#queue(symbol, 'overlap', times);
  }

  /** Sends the next diff after the one that follows it. */
  swapDiffs(symbol: string): void {
    this.#queue(symbol, 'swap', 1);
  }

  /** Gives the next diffs a wrong quantity of the best bid, which the bookTicker of the same id contradicts. */
  corruptDiff(symbol: string, times = 1): void {
    this.#queue(symbol, 'corrupt', times);
  }

  /**
   * Sends this text unchanged as a frame, to the subscribers of `stream` or else to everybody. A Buffer is sent as a
   * binary frame.
   */
  malformed(frame: string | Buffer, stream?: string): void {
    const { hub } = this.#targets;
    for (const socket of stream === undefined ? hub.sockets : hub.subscribers(stream)) {
      if (typeof frame === 'string') socket.send(frame);
      else socket.sendBinary(frame);
    }
  }

  /** Writes these bytes to every socket as they are: a frame that no WebSocket library would send. */
  malformedFrame(bytes: Buffer): void {
    for (const socket of this.#targets.hub.sockets) socket.writeBytes(bytes);
  }

  /** Sends this text as a payload of `stream`, wrapped for connections that have it so. */
  malformedPayload(stream: string, payload: string): void {
    this.#targets.hub.publish(stream, () => payload);
  }

  /** Announces to every socket that its server is about to shut down. Nothing else happens. */
  serverShutdown(): void {
    const payload = JSON.stringify({ e: 'serverShutdown', E: Math.floor(this.#targets.now()) });
    for (const socket of this.#targets.hub.sockets) socket.deliver('!serverShutdown', payload);
  }

  /** Ends all sockets, without a close frame or with this code. Resolves when they have closed. */
  async hangUp(code?: number, reason?: string): Promise<void> {
    const closing = this.#targets.hub.sockets.map((socket) => {
      socket.hangUp(code, reason);
      return socket.closed;
    });
    await Promise.all(closing);
  }

  /** Sends each socket half a frame and then a TCP reset. Resolves when they have closed. */
  async resetInMidFrame(): Promise<void> {
    const closing = this.#targets.hub.sockets.map((socket) => {
      socket.resetInMidFrame();
      return socket.closed;
    });
    await Promise.all(closing);
  }

  #queue(symbol: string, fault: DiffFault, times: number): void {
    for (let count = 0; count < times; count += 1) this.#targets.market(symbol).diffFaults.push(fault);
  }
}

function wildcard(text: string): RegExp {
  return new RegExp(
    `^${text
      .split('*')
      .map((part) => part.replaceAll(/[^\w]/g, String.raw`\$&`))
      .join('.*')}$`,
  );
}
