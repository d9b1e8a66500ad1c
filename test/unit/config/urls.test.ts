import { expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.ts';

it.each([
  ['binance', 'websocketUrl', 'wss://venue.example'],
  ['binance', 'restUrl', 'https://venue.example'],
  ['oanda', 'restUrl', 'https://venue.example'],
  ['oanda', 'streamUrl', 'https://venue.example'],
])('brokers.%s.%s is a URL without a query, which would swallow the paths behind it', (broker, name, url) => {
  const faultsOf = (value: string): readonly string[] => {
    const result = parseConfig({ brokers: { [broker]: { [name]: value } } }, 'test');
    return result.ok ? [] : result.faults.map(({ path }) => path);
  };
  expect(faultsOf(url)).toEqual([]);
  for (const query of ['?timeUnit=MICROSECOND', '/base?a=b', '?']) {
    expect(faultsOf(url + query)).toEqual([`brokers.${broker}.${name}`]);
  }
});
