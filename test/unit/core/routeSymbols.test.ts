import { describe, expect, it } from 'vitest';
import { routeBySymbol, routeToBroker } from '../../../src/core/routeSymbols.ts';
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
  const { accepted, rejected } = routeBySymbol(brokers, [symbol]);
  return accepted[0]?.broker ?? rejected[0]?.error.code ?? 'nothing';
}

describe('routing without a broker', () => {
  const mock = broker('mock', ['BTCUSDT', 'ONLYMOCK'], { synthetic: true });
  const cases: [string, RoutableBroker[], string, string][] = [
    ['a real broker is chosen before a synthetic one', [mock, broker('real', ['BTCUSDT'])], 'BTCUSDT', 'real'],
    ['a synthetic broker serves what no real one lists', [mock, broker('real', ['BTCUSDT'])], 'ONLYMOCK', 'mock'],
    ['a symbol of two real brokers is ambiguous', [broker('a', ['X']), broker('b', ['X'])], 'X', 'AMBIGUOUS_SYMBOL'],
    ['a symbol that nobody lists is unknown', [mock, broker('real', ['BTCUSDT'])], 'NOPE', 'UNKNOWN_SYMBOL'],
    [
      'a symbol that is listed only by a broker with credentials needs them',
      [broker('a', ['X'], { open: false })],
      'X',
      'BROKER_AUTHENTICATION_REQUIRED',
    ],
    [
      'an unknown symbol goes to the only broker whose list is not known yet',
      [mock, broker('real', null)],
      'NOPE',
      'real',
    ],
    [
      'a symbol cannot be routed while the lists of two brokers are unknown',
      [broker('a', null), broker('b', null)],
      'X',
      'BROKER_UNAVAILABLE',
    ],
  ];
  it.each(cases)('%s', (_name, brokers, symbol, expected) => {
    expect(routed(brokers, symbol)).toBe(expected);
  });
});

describe('routing to a named broker', () => {
  it('rejects a symbol that the broker does not list, with the closest name', () => {
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

  it('accepts every symbol while the venue cannot be asked', () => {
    expect(routeToBroker(broker('binance', null), ['ANY']).accepted).toHaveLength(1);
  });
});
