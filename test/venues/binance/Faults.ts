import { RestFaults } from './RestFaults.ts';
import type { SocketHub } from './SocketHub.ts';
import type { Alignment, DiffFault, StandInMarket } from './StandInMarket.ts';
import type { Now } from '../timing.ts';

export interface FaultsHands {
  readonly hub: SocketHub;
  readonly market: (symbol: string) => StandInMarket;
  readonly now: Now;
}

/** Every switch for what may go wrong. Each may be set at any time, and holds until it is set back. */
export class Faults {
  readonly rest = new RestFaults();
  /** SUBSCRIBE and UNSUBSCRIBE get no answer and have no effect. */
  ignoreSubscribe = false;
  /** The first message of a new stream comes before the acknowledgement. */
  dataBeforeAck = false;
  /** One more message of a stream comes after UNSUBSCRIBE was acknowledged. */
  dataAfterUnsubscribe = false;
  /** No socket, open or to come, gets a byte: no data, answers, pings, pongs, close frames. REST goes on. */
  silence = false;
  /** Connections, of HTTP too, are accepted and reset at once. */
  refuseConnections = false;
  /** WebSocket handshakes get this HTTP status. */
  handshakeStatus: number | null = null;
  /** WebSocket handshakes are answered that much later. */
  handshakeDelayMs = 0;
  /** Of sockets opened from now on: so long they live. */
  lifetimeMs: number | null;
  /** What becomes of request ids that are strings. Live servers were seen to be silent; the documentation accepts them. */
  stringIds: 'silent' | 'accept' = 'silent';
  readonly #hands: FaultsHands;

  constructor(hands: FaultsHands, lifetimeMs: number | null) {
    this.#hands = hands;
    this.lifetimeMs = lifetimeMs;
  }

  /** Streams whose whole name matches (`*` stands for anything) are acknowledged and listed, and deliver nothing. Null: off. */
  ackButSilent(streams: RegExp | string | null): void {
    this.#hands.hub.muted = typeof streams === 'string' ? wildcard(streams) : streams;
  }

  /** The sockets that are open fall silent for good; new ones are served. */
  silenceOpenSockets(): void {
    for (const socket of this.#hands.hub.sockets) socket.silenced = true;
  }

  /** The sockets that are open get no more market data, only pings and answers; new ones are served. */
  muteOpenSockets(): void {
    for (const socket of this.#hands.hub.sockets) socket.muted = true;
  }

  /** What the sockets that are open get is that old; 0: no longer. */
  delayOpenSockets(ms: number): void {
    for (const socket of this.#hands.hub.sockets) socket.delayMs = ms;
  }

  /** The next `times` snapshots are older than any diff that is still to come. */
  snapshotLag(symbol: string, times = 1): void {
    this.#hands.market(symbol).lagSnapshot(times);
  }

  /** How the first diff after a snapshot lies to it. */
  snapshotAlignment(symbol: string, alignment: Alignment): void {
    this.#hands.market(symbol).alignment = alignment;
  }

  /** The next diffs are made and not sent: a gap. */
  skipDiff(symbol: string, times = 1): void {
    this.#queue(symbol, 'skip', times);
  }

  /** The next diffs are sent twice. */
  duplicateDiff(symbol: string, times = 1): void {
    this.#queue(symbol, 'duplicate', times);
  }

  /** The next diffs begin where the ones before them began. */
  overlapDiff(symbol: string, times = 1): void {
    this.#queue(symbol, 'overlap', times);
  }

  /** The next diff comes after the one that follows it. */
  swapDiffs(symbol: string): void {
    this.#queue(symbol, 'swap', 1);
  }

  /** The next diffs say a wrong quantity of the best bid: the bookTicker of the same id contradicts them. */
  corruptDiff(symbol: string, times = 1): void {
    this.#queue(symbol, 'corrupt', times);
  }

  /** Sends this text as a frame, as it is: to those who hear `stream`, else to all. A Buffer goes as a binary frame. */
  malformed(frame: string | Buffer, stream?: string): void {
    const { hub } = this.#hands;
    for (const socket of stream === undefined ? hub.sockets : hub.hearers(stream)) {
      if (typeof frame === 'string') socket.send(frame);
      else socket.sendBinary(frame);
    }
  }

  /** Sends this text as a payload of `stream`, wrapped for those who have it so. */
  malformedPayload(stream: string, payload: string): void {
    this.#hands.hub.publish(stream, () => payload);
  }

  /** Tells every socket that its server is about to go down. Nothing else happens. */
  serverShutdown(): void {
    const payload = JSON.stringify({ e: 'serverShutdown', E: Math.floor(this.#hands.now()) });
    for (const socket of this.#hands.hub.sockets) socket.deliver('!serverShutdown', payload);
  }

  /** Ends all sockets: without a close frame, or with the code that is given. Resolves when they have closed. */
  async hangUp(code?: number, reason?: string): Promise<void> {
    const closing = this.#hands.hub.sockets.map((socket) => {
      socket.hangUp(code, reason);
      return socket.closed;
    });
    await Promise.all(closing);
  }

  /** Each socket gets half a frame, then a TCP reset. Resolves when they have closed. */
  async resetInMidFrame(): Promise<void> {
    const closing = this.#hands.hub.sockets.map((socket) => {
      socket.resetInMidFrame();
      return socket.closed;
    });
    await Promise.all(closing);
  }

  #queue(symbol: string, fault: DiffFault, times: number): void {
    for (let count = 0; count < times; count += 1) this.#hands.market(symbol).diffFaults.push(fault);
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
