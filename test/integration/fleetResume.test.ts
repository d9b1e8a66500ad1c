import { describe, expect, it } from 'vitest';
import { parseCursor } from '../../src/market/cursor.ts';
import { Fleet } from '../support/Fleet.ts';
import type { FleetGateway } from '../support/Fleet.ts';
import { LACKS_REDIS } from '../support/lacksRedis.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

const DOCUMENT = `subscription ($resume: [String!]) {
  marketData(broker: "binance", symbols: ["ETHUSDT"], types: [TICK, TRADE, ORDERBOOK, STATUS], resume: $resume) {
    type sequence cursor
    ... on Trade { tradeId }
    ... on FeedStatus { state replay { recovered events complete } }
  }
}`;

interface Received {
  readonly type: string;
  readonly sequence: number;
  readonly cursor: string;
  readonly tradeId?: string;
  readonly state?: string;
  readonly replay?: { readonly recovered: boolean | null } | null;
}

/** A client that goes from gateway to gateway, and gives the last cursor of each stream that it has. */
class Traveller {
  readonly #cursors = new Map<string, string>();
  readonly trades: number[] = [];
  /** The numbers and states of statuses, without those that are this subscription's own, or only repeated. */
  readonly statuses: { readonly sequence: number; readonly state: string }[] = [];

  /** Subscribes there until it has seen enough. Returns what it was told first of what is sent of the past. */
  async visit({ url }: FleetGateway, enough: () => Promise<void> | void): Promise<Received['replay']> {
    await using client = await TransportWsClient.connect(`${url.replace('http', 'ws')}/graphql`);
    let read = 0;
    let replay: Received['replay'];
    const take = (): void => {
      for (const { payload } of client.of('a').slice(read)) {
        read += 1;
        const event = (payload as { readonly data: { readonly marketData: Received } }).data.marketData;
        replay ??= event.replay;
        this.#take(event);
      }
    };
    const resume = this.#cursors.size === 0 ? null : [...this.#cursors.values()];
    client.subscribe('a', DOCUMENT, { resume });
    await waitFor(() => {
      take();
      return ['TICK', 'TRADE', 'ORDERBOOK', 'STATUS'].every((type) => this.#cursors.has(type));
    }, 'events of each type');
    await enough();
    const before = this.trades.length;
    await waitFor(() => {
      take();
      return this.trades.length > before + 5 && this.statuses.at(-1)?.state === 'LIVE';
    }, 'trades of a live feed');
    return replay;
  }

  #take({ type, sequence, cursor, tradeId, state = '' }: Received): void {
    this.#cursors.set(type.toUpperCase(), cursor);
    if (tradeId !== undefined) this.trades.push(Number(tradeId));
    const isNew = sequence > (this.statuses.at(-1)?.sequence ?? -1);
    if (type.toUpperCase() === 'STATUS' && isNew) this.statuses.push({ sequence, state });
  }

  epoch(type: string): string | undefined {
    return parseCursor(this.#cursors.get(type) ?? '')?.epoch;
  }
}

describe.skipIf(LACKS_REDIS)('a client that goes from gateway to gateway', () => {
  it('goes on everywhere with everything: trades, statuses, and the newest tick and book', async () => {
    await using fleet = await Fleet.start({ gateways: 3 });
    const market = fleet.venue.market('ETHUSDT');
    const timer = setInterval(() => {
      market.trade();
      market.depth();
    }, 20);
    try {
      const traveller = new Traveller();
      const [leader, second, third] = [fleet.gateway(0), fleet.gateway(1), fleet.gateway(2)];
      await traveller.visit(leader, () => undefined);
      const before = traveller.epoch('TRADE');
      await fleet.venue.faults.hangUp();
      // Nobody there has any of its streams.
      expect(await traveller.visit(second, () => undefined)).toMatchObject({ recovered: true });
      expect(traveller.epoch('TRADE')).toBe(before);
      leader.process.kill('SIGKILL');
      await fleet.trades(5, [second, third]);
      expect(await traveller.visit(third, () => undefined)).toMatchObject({ recovered: true });
      expect(await traveller.visit(second, () => undefined)).toMatchObject({ recovered: true });
      expect(traveller.epoch('TRADE')).not.toBe(before);
      const [first = 0] = traveller.trades;
      expect(traveller.trades).toEqual(traveller.trades.map((_id, at) => first + at));
      const states = traveller.statuses.map(({ state }) => state);
      const changes = states.filter((state, at) => state !== states[at - 1]);
      expect(changes).toEqual(['LIVE', 'RECOVERING', 'LIVE', 'RECOVERING', 'LIVE']);
    } finally {
      clearInterval(timer);
    }
  });
});
