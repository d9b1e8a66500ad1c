import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { faultsIn, load, valid } from './support.ts';

const KINDS = 'silence, disconnect, gap, duplicate, outOfOrder, crossedBook, halt';
const AFTER = 'expected a whole number from 0 to 604800000';

const USUAL = [
  ['silence', 15_000],
  ['disconnect', 3_000],
  ['gap', 1_000],
  ['duplicate', 1_000],
  ['outOfOrder', 1_000],
  ['crossedBook', 1_000],
  ['halt', 5_000],
];

/** The errors of a configuration in which mock-binance has this one fault. */
function errorsOf(fault: string): readonly string[] {
  return faultsIn(load({ yaml: `brokers:\n  mock-binance:\n    faults:\n      - ${fault}` })).map((error) =>
    error.replace('config.yaml:4: brokers.mock-binance.faults.0', '…'),
  );
}

describe('the faults of a mock broker', () => {
  it('have a length that fits their kind, come once, and concern every symbol, unless they say otherwise', () => {
    const kinds = KINDS.split(', ').map((kind) => `{ kind: ${kind}, afterMs: 7 }`);
    const { brokers } = valid(load({ yaml: `brokers: { mock-oanda: { faults: [${kinds.join(', ')}] } }` }));
    const { faults } = brokers['mock-oanda']?.kind === 'mock-oanda' ? brokers['mock-oanda'] : { faults: [] };
    expect(faults.map(({ kind, forMs }) => [kind, forMs])).toEqual(USUAL);
    expect(faults[0]).toMatchObject({ afterMs: 7, everyMs: null, symbols: null });
  });

  it('are described with their usual length', () => {
    const text = readFileSync(new URL('../../../docs/faults.md', import.meta.url), 'utf8');
    const described = [...text.matchAll(/^\| `(\w+)` +\| (\d+) +\|/gm)].map(([, kind, forMs]) => [kind, Number(forMs)]);
    expect(described).toEqual(USUAL);
  });

  it('can come from the environment, as JSON', () => {
    const env = {
      TICKGRAPH_BROKERS__MOCK_BINANCE__FAULTS: '[{ "kind": "gap", "afterMs": 7, "forMs": 100, "everyMs": 100 }]',
    };
    const gap = { kind: 'gap', afterMs: 7, forMs: 100, everyMs: 100, symbols: null };
    expect(valid(load({ env })).brokers['mock-binance']).toMatchObject({ faults: [gap] });
  });

  it('may name symbols that replace the usual ones', () => {
    const yaml = 'brokers: { mock-binance: { symbols: { A: 1 }, faults: [{ kind: gap, afterMs: 0, symbols: [A] }] } }';
    expect(faultsIn(load({ yaml }))).toEqual([]);
  });

  it.each([
    ['{ kind: silense, afterMs: 5 }', `….kind: found "silense", expected one of: ${KINDS}`],
    ['{ afterMs: 5 }', `….kind: found nothing, expected one of: ${KINDS}`],
    ['{ kind: gap }', `….afterMs: found nothing, ${AFTER}`],
    ['{ kind: gap, afterMs: -1 }', `….afterMs: found -1, ${AFTER}`],
    ['{ kind: gap, afterMs: 1.5 }', `….afterMs: found 1.5, ${AFTER}`],
    ['{ kind: gap, afterMs: 0, forMs: 0 }', '….forMs: found 0, expected a whole number from 1 to 604800000'],
    [
      '{ kind: gap, afterMs: 0, forMs: 9, everyMs: 99 }',
      '….everyMs: found 99, expected a whole number from 100 to 604800000',
    ],
    [
      '{ kind: gap, afterMs: 0, forMs: 2000, everyMs: 1999 }',
      '….everyMs: found 1999, expected no less than forMs, which is 1000 by default',
    ],
    [
      '{ kind: silence, afterMs: 0, everyMs: 14999 }',
      '….everyMs: found 14999, expected no less than forMs, which is 15000 by default',
    ],
    [
      '{ kind: halt, afterMs: 0, symbols: [BTCUSDT, XRPUSDT] }',
      '….symbols.1: found "XRPUSDT", expected a symbol that this broker lists',
    ],
    [
      '{ kind: halt, afterMs: 0, symbols: [] }',
      '….symbols: found a list, expected at least one symbol; without the key, every symbol is concerned',
    ],
    [
      '{ kind: halt, afterMs: 0, every: 5 }',
      '….every: found an unknown key, expected everyMs or another of: kind, afterMs, forMs, everyMs, symbols',
    ],
    ['7', '…: found a number, expected a map of settings'],
  ])('%s is refused, with its place', (fault, expected) => {
    expect(errorsOf(fault)).toEqual([expected]);
  });

  it('are all checked at once, and with the other settings', () => {
    const faults = '[{ kind: gap, afterMs: -1, symbols: [X] }, { kind: halt, afterMs: 0, symbols: [Y] }]';
    const yaml = `brokers: { mock-binance: { seed: -1, faults: ${faults} } }`;
    expect(faultsIn(load({ yaml })).map((error) => error.split(':')[2]?.trim())).toEqual([
      'brokers.mock-binance.seed',
      'brokers.mock-binance.faults.0.afterMs',
      'brokers.mock-binance.faults.0.symbols.0',
      'brokers.mock-binance.faults.1.symbols.0',
    ]);
  });
});
