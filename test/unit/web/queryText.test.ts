import { readdirSync, readFileSync } from 'node:fs';
import { buildSchema, parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import type { MarketDataRequest } from '../../../client/index.ts';
import { QUERY_FORMS, queryText } from '../../../web/data/queryText.ts';

const folder = new URL('../../../schema/', import.meta.url);
const schema = buildSchema(
  readdirSync(folder)
    .map((name) => readFileSync(new URL(name, folder), 'utf8'))
    .join('\n'),
);
const CONTEXT = { origin: 'http://127.0.0.1:4000', needsLogin: false };
const REQUESTS: readonly MarketDataRequest[] = [
  { broker: 'mock-binance', symbols: ['BTCUSDT', 'ETHUSDT'], types: ['TICK', 'STATUS'] },
  { broker: 'b', symbols: ['S'], types: ['CANDLE', 'STATUS'], options: { interval: 'FIVE_MINUTES', history: 300 } },
  { broker: "it's", symbols: ['"$(x)`'], types: ['ORDERBOOK', 'TRADE'], options: { depth: 20, book: 'DELTA' } },
  { symbols: ['EUR_USD'] },
];

describe('the text of a query', () => {
  it.each(REQUESTS)('is valid GraphQL of this schema: %j', (request) => {
    expect(validate(schema, parse(queryText('GraphQL', request, CONTEXT)))).toEqual([]);
  });

  it.each(REQUESTS)('is one word of a shell, whatever the names: %j', (request) => {
    const curl = queryText('curl', request, CONTEXT);
    const [, quoted = ''] = /-d ('.*')\n$/s.exec(curl) ?? [];
    // In quotes of this kind a shell changes nothing; the quotes themselves end, add an escaped one, and begin again.
    const body = quoted.slice(1, -1).replaceAll(`'\\''`, "'");
    expect(quoted.replaceAll(`'\\''`, '').slice(1, -1)).not.toContain("'");
    const { query } = JSON.parse(body) as { query: string };
    expect(validate(schema, parse(query))).toEqual([]);
    expect(query).toContain(JSON.stringify(request.symbols).slice(1, -1));
  });

  it('speaks the words of the raw protocol where it goes there', () => {
    const candles = queryText('wscat', REQUESTS[1] ?? { symbols: [] }, CONTEXT);
    expect(candles).toContain("-c 'ws://127.0.0.1:4000/ws'");
    expect(candles).toContain('"types":["candle"],"options":{"interval":"5m","history":300}');
  });

  it('never has a login in it, only the name of a variable', () => {
    for (const form of QUERY_FORMS) {
      const text = queryText(form, { symbols: ['S'] }, { origin: 'https://h', needsLogin: true });
      if (form !== 'GraphQL') expect(text).toMatch(/\$TOKEN|process\.env\.TOKEN/);
      expect(queryText(form, { symbols: ['S'] }, CONTEXT)).not.toContain('TOKEN');
    }
  });
});
