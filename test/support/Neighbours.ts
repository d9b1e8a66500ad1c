import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { RawClient } from './RawClient.ts';
import { SseClient } from './SseClient.ts';
import { TransportWsClient } from './TransportWsClient.ts';
import { waitFor } from './waitFor.ts';

const SEQUENCES = 'subscription { marketData(symbols: ["BTCUSDT"]) { sequence } }';

/** Well-behaved clients of a gateway, one for each protocol, that receive ticks all the time. */
export class Neighbours implements AsyncDisposable {
  readonly #socket: TransportWsClient;
  readonly #stream: SseClient;
  readonly #raw: RawClient;

  private constructor(clients: readonly [TransportWsClient, SseClient, RawClient]) {
    [this.#socket, this.#stream, this.#raw] = clients;
  }

  /** Resolves when each client has received something. */
  static async of({ urls }: Pick<MarketDataServer, 'urls'>): Promise<Neighbours> {
    const socket = await TransportWsClient.connect(urls.graphql.replace('http', 'ws'));
    socket.subscribe('n', SEQUENCES);
    const stream = await SseClient.subscribe(urls.graphql, SEQUENCES);
    const raw = await RawClient.connect(urls.http);
    await raw.subscribe(null, ['BTCUSDT']);
    const neighbours = new Neighbours([socket, stream, raw]);
    await neighbours.receive();
    return neighbours;
  }

  /**
   * Resolves when each client has received more than it has now; rejects if one does not, or has missed something
   * before.
   */
  async receive(): Promise<void> {
    const before = this.#sequences();
    await waitFor(
      () => this.#sequences().every(({ length }, which) => length >= (before[which]?.length ?? 0) + 3),
      'the neighbours to receive',
    );
    for (const sequences of this.#sequences()) {
      const [first = 0] = sequences;
      const whole = sequences.every((sequence, index) => sequence === first + index);
      if (!whole) throw new Error(`a neighbour missed something: ${sequences.join()}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#socket, this.#stream, this.#raw].map((client) => client[Symbol.asyncDispose]()));
  }

  #sequences(): readonly (readonly number[])[] {
    return [
      this.#socket.of('n').map(({ payload }) => sequenceIn(JSON.stringify(payload))),
      this.#stream.events.map(({ data }) => sequenceIn(data)),
      this.#raw.data('tick').map(({ sequence }) => Number(sequence)),
    ];
  }
}

function sequenceIn(text: string): number {
  return Number(/"sequence":(\d+)/.exec(text)?.[1]);
}
