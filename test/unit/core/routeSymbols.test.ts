import { describe, expect, it } from 'vitest';
import { routeBySymbol, routeToBroker, unasked } from '../../../src/core/routeSymbols.ts';
import type { RoutableBroker } from '../../../src/core/routeSymbols.ts';
import { catalogOf } from '../../support/ScriptedBroker.ts';

const broker = (id: string, symbols: string[] | null, more: Partial<RoutableBroker> = {}): RoutableBroker => ({
  id,
  scope: 'shared',
  catalog: symbols === null ? null : catalogOf(...symbols),
  synthetic: false,
  open: true,
  supportedTypes: ['tick'],
  ...more,
});

function routed(brokers: RoutableBroker[], symbol: string): string {
  const { accepted, rejected } = routeBySymbol(unasked(brokers), [symbol]);
  return accepted[0]?.broker ?? rejected[0]?.error.code ?? 'nothing';
}

describe('routing without a broker', () => {
  const mock = broker('mock', ['BTCUSDT', 'ONLYMOCK'], { synthetic: true });
  const cases: [string, RoutableBroker[], string, string][] = [
    ['a real broker comes before a synthetic one', [mock, broker('real', ['BTCUSDT'])], 'BTCUSDT', 'real'],
    [
      'no synthetic one serves what no real one lists',
      [mock, broker('real', ['BTCUSDT'])],
      'ONLYMOCK',
      'UNKNOWN_SYMBOL',
    ],
    ['nor what a real one may list that is not heard yet', [mock, broker('real', null)], 'BTCUSDT', 'real'],
    [
      'nor what real ones serve only to those who authenticate',
      [mock, broker('real', null, { open: false })],
      'BTCUSDT',
      'UNKNOWN_SYMBOL',
    ],
    ['a synthetic one serves where there is no real one', [mock], 'BTCUSDT', 'mock'],
    ['two real ones are ambiguous', [broker('a', ['X']), broker('b', ['X'])], 'X', 'AMBIGUOUS_SYMBOL'],
    ['nobody lists it', [mock, broker('real', ['BTCUSDT'])], 'NOPE', 'UNKNOWN_SYMBOL'],
    [
      'listed only where credentials are needed',
      [broker('a', ['X'], { open: false })],
      'X',
      'BROKER_AUTHENTICATION_REQUIRED',
    ],
    ['the one broker not heard yet may list it', [mock, broker('real', null)], 'NOPE', 'real'],
    ['two brokers not heard yet: nobody can say', [broker('a', null), broker('b', null)], 'X', 'BROKER_UNAVAILABLE'],
  ];
  it.each(cases)('%s', (_name, brokers, symbol, expected) => {
    expect(routed(brokers, symbol)).toBe(expected);
  });
});

describe('routing to a named broker', () => {
  it('rejects what it does not list, with the closest name', () => {
    const { accepted, rejected } = routeToBroker(broker('binance', ['BTCUSDT', 'ETHUSDT']), [
      'BTCUSDT',
      'ETHUSTD',
      'btc/usdt',
    ]);
    expect(accepted).toEqual([{ broker: 'binance', symbol: 'BTCUSDT', scope: 'shared' }]);
    expect(rejected.map(({ error }) => error.message)).toEqual([
      'Broker binance does not list "ETHUSTD". Did you mean ETHUSDT?',
      'Broker binance does not list "btc/usdt". Did you mean BTCUSDT?',
    ]);
  });

  it('accepts everything while the venue can not be asked', () => {
    expect(routeToBroker(broker('binance', null), ['ANY']).accepted).toHaveLength(1);
  });
});
