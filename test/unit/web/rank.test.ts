import { describe, expect, it } from 'vitest';
import { rank } from '../../../web/data/rank.ts';

describe('what was found', () => {
  it('begins with the exact symbol, then those that begin with the text, short ones first', () => {
    const found = ['ZBTCX', 'BTCUSDT', 'BTC', 'BTCEUR', 'EUR_BTC'].map((symbol) => ({ symbol }));
    expect(rank('btc', found).map(({ symbol }) => symbol)).toEqual(['BTC', 'BTCEUR', 'BTCUSDT', 'ZBTCX', 'EUR_BTC']);
  });

  it('takes EURUSD for EUR_USD, as people write it', () => {
    const found = ['EURUSDX', 'EUR_USD'].map((symbol) => ({ symbol }));
    expect(rank('eurusd', found)[0]?.symbol).toBe('EUR_USD');
  });
});
