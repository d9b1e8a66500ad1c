import type { RelayState } from '../../transport/ConnectionRelay.ts';
import { BinanceSocket, MAX_STREAMS } from './BinanceSocket.ts';
import type { BinanceSocketOptions } from './BinanceSocket.ts';
import type { MarketStream } from './MarketStream.ts';

/** Streams are moved together onto sockets with up to this many, so that a few more do not need another socket again. */
const MERGED_STREAMS = 600;
/** Sockets could do with one less for this time before they have one less. */
const MERGE_AFTER_MS = 30_000;
const LOOK_MS = 250;
/** Streams that are normally busy move after this time even if nothing has come over their new sockets. */
const TAKEOVER_PATIENCE_MS = 15_000;
/** A move is given up if some stream is not subscribed on its new socket by then, and tried again later. */
const MOVE_PATIENCE_MS = 60_000;

/** Streams on their way from one socket to others. */
interface Move {
  readonly from: BinanceSocket;
  readonly targets: ReadonlyMap<MarketStream, BinanceSocket>;
  readonly looking: Disposable;
  readonly beganAtMs: number;
}

export type BinanceSocketsOptions = Omit<BinanceSocketOptions, 'isCarriedElsewhere'>;

/**
 * As many sockets as the streams need: one more when all are full, and one less when the others have long had room for
 * its streams. Those are subscribed on another socket, and have come over it, before they leave the one that closes.
 * Owned by BinanceBroker.
 */
export class BinanceSockets implements AsyncDisposable {
  readonly #options: BinanceSocketsOptions;
  #sockets: BinanceSocket[] = [];
  readonly #leaving = new Set<Promise<void>>();
  /** Runs while one socket is too many. */
  #merging: Disposable | null = null;
  #move: Move | null = null;
  #isStarted = false;
  #isStandby = false;

  constructor(options: BinanceSocketsOptions) {
    this.#options = options;
  }

  /** The states of the connections. */
  get states(): readonly RelayState[] {
    return this.#sockets.map(({ state }) => state);
  }

  /** Why nothing comes over a connection that is open; null if there is no such connection. */
  get silence(): string | null {
    return this.#sockets.map(({ silence }) => silence).find((reason) => reason !== null) ?? null;
  }

  get openConnections(): number {
    return this.#sockets.reduce((sum, { openConnections }) => sum + openConnections, 0);
  }

  /** Opens the first socket, which stays, so that the venue's state is always known. */
  start(): void {
    this.#isStarted = true;
    this.#openFirst();
  }

  get isStandby(): boolean {
    return this.#isStandby;
  }

  /** While standing by there is no socket without streams. */
  standBy(isStandby: boolean): void {
    this.#isStandby = isStandby;
    if (isStandby) this.#closeEmpty();
    else if (this.#isStarted) this.#openFirst();
  }

  /** The venue is asked for it by the next `reconcile`. */
  add(stream: MarketStream): void {
    const from = this.#move?.from;
    const socket = this.#sockets.find((each) => each !== from && each.size < MAX_STREAMS) ?? this.#open();
    socket.add(stream);
  }

  remove(stream: MarketStream): void {
    for (const socket of this.#sockets) socket.remove(stream);
  }

  /** Streams were added or removed. */
  reconcile(): void {
    const { broker } = this.#options;
    this.#closeEmpty();
    if (this.#superfluous === null) {
      this.#merging?.[Symbol.dispose]();
      this.#merging = null;
    } else if (this.#move === null) {
      this.#merging ??= broker.clock.after(MERGE_AFTER_MS, () => {
        this.#merging = null;
        this.#beginMove();
      });
    }
    for (const socket of this.#sockets) socket.reconcile();
  }

  async close(): Promise<void> {
    this.#merging?.[Symbol.dispose]();
    this.#merging = null;
    this.#endMove();
    const sockets = this.#sockets;
    this.#sockets = [];
    await Promise.all([...sockets.map((socket) => socket.close()), ...this.#leaving]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #openFirst(): void {
    if (this.#sockets.length === 0 && !this.#isStandby) this.#open();
  }

  #open(): BinanceSocket {
    const socket: BinanceSocket = new BinanceSocket({
      ...this.#options,
      isCarriedElsewhere: (stream) => this.#sockets.some((other) => other !== socket && other.carries(stream)),
    });
    this.#sockets.push(socket);
    socket.start();
    return socket;
  }

  /** The socket for whose streams the others have room; null if each is needed. */
  get #superfluous(): BinanceSocket | null {
    const [, ...candidates] = this.#sockets;
    const [smallest] = candidates.toSorted((a, b) => a.size - b.size);
    if (smallest === undefined) return null;
    const room = this.#sockets.reduce((sum, socket) => sum + (socket === smallest ? 0 : roomOf(socket)), 0);
    return smallest.size <= room ? smallest : null;
  }

  #beginMove(): void {
    const from = this.#superfluous;
    if (from === null || this.#move !== null) return;
    const { broker } = this.#options;
    broker.logger.info({ streams: from.size }, 'moving streams to other connections');
    const targets = new Map<MarketStream, BinanceSocket>();
    for (const stream of from.streams) {
      const target = this.#sockets.find((socket) => socket !== from && roomOf(socket) > 0);
      if (target === undefined) break;
      target.welcome(stream);
      targets.set(stream, target);
    }
    const looking = broker.clock.every(LOOK_MS, () => {
      this.#considerMove();
    });
    this.#move = { from, targets, looking, beganAtMs: broker.clock.monotonic() };
    for (const target of new Set(targets.values())) target.reconcile();
  }

  /** Ends the move when every stream that is still wanted has come over its new socket. */
  #considerMove(): void {
    if (this.#move === null) return;
    const { from, targets, beganAtMs } = this.#move;
    const tookMs = this.#options.broker.clock.monotonic() - beganAtMs;
    const isLate = tookMs >= TAKEOVER_PATIENCE_MS;
    const moving = [...targets].filter(([stream]) => from.has(stream));
    if (moving.every(([stream, target]) => target.delivers(stream) || (isLate && target.carries(stream)))) {
      for (const [stream, target] of moving) {
        from.remove(stream);
        target.settle(stream);
      }
    } else if (tookMs < MOVE_PATIENCE_MS) return;
    else for (const [stream, target] of moving) target.remove(stream);
    this.#endMove();
    this.reconcile();
  }

  #endMove(): void {
    this.#move?.looking[Symbol.dispose]();
    this.#move = null;
  }

  #closeEmpty(): void {
    const empty = this.#sockets.slice(this.#isStandby ? 0 : 1).filter(({ size }) => size === 0);
    this.#sockets = this.#sockets.filter((socket) => !empty.includes(socket));
    for (const socket of empty) {
      if (this.#move?.from === socket) this.#endMove();
      const leaving = socket.close().finally(() => this.#leaving.delete(leaving));
      this.#leaving.add(leaving);
    }
  }
}

function roomOf({ size }: BinanceSocket): number {
  return Math.max(0, MERGED_STREAMS - size);
}
