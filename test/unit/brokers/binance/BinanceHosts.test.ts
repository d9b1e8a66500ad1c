import { expect, describe, it } from 'vitest';
import { BinanceHosts } from '../../../../src/brokers/binance/BinanceHosts.ts';
import { FakeClock } from '../../../support/FakeClock.ts';

describe('the hosts of the venue', () => {
  const hosts = new BinanceHosts({ clock: new FakeClock(), random: () => 0 });

  it.each([
    ['https://api.binance.com', 'https://API.binance.com:443/', true],
    ['https://api.binance.com', 'https://api.binance.com/path', true],
    ['https://api.binance.com', 'https://data-api.binance.vision', false],
    ['https://api.binance.com', 'https://api.binance.com:8443', false],
    ['http://127.0.0.1:1', 'http://127.0.0.1:2', false],
  ])('have one queue of requests each: %s and %s', (one, other, same) => {
    expect(hosts.requests(one) === hosts.requests(other)).toBe(same);
  });

  it('count 300 attempts to connect in five minutes, no matter who makes them', () => {
    const url = 'wss://stream.example/stream';
    for (let count = 0; count < 300; count += 1) expect(hosts.attempts(url).tryTake()).toBe(true);
    expect(hosts.attempts('wss://stream.example').tryTake()).toBe(false);
    expect(hosts.attempts('wss://other.example').tryTake()).toBe(true);
  });
});
