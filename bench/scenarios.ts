import type { SymbolSpread } from './documents.ts';
import type { Options, ScenarioName } from './options.ts';
import { memory, paced, slow } from './pacing.ts';
import { clientCount, compression, distinctDocuments, saturated, symbols } from './saturating.ts';
import type { Scenario } from './Scenario.ts';

const PLAIN = ['tcp', 'ws', 'gateway-raw', 'gateway', 'gateway-sse', 'stock'] as const;
const COMPRESSING = [
  'gateway-raw',
  'gateway-raw-deflate',
  'gateway',
  'gateway-deflate',
  'stock',
  'stock-deflate',
] as const;

export const SCENARIO_TABLE: Readonly<Record<ScenarioName, Scenario>> = {
  saturated: {
    cases: PLAIN,
    main: 'us/msg',
    batches: (options) => options.documents.map((document) => (name) => saturated({ name, document }, options)),
  },
  latency: {
    cases: PLAIN,
    main: 'p50 us',
    batches: (options) => options.documents.map((document) => (name) => paced({ name, document, rate: 20 }, options)),
  },
  throughput: {
    // Stock servers fall behind at a fortieth of this rate.
    cases: ['tcp', 'ws', 'gateway-raw', 'gateway'],
    main: 'CPU %',
    batches: (options) => [(name) => paced({ name, document: 'trade', rate: 2_000 }, options)],
  },
  memory: {
    cases: ['tcp', 'ws', ...COMPRESSING],
    main: 'KiB/conn',
    batches: (options) => options.connections.map((connections) => (name) => memory({ name, connections })),
  },
  slow: {
    cases: ['ws', 'gateway-raw', 'gateway'],
    main: 'RSS growth MiB',
    batches: (options) => [(name) => slow(name, options)],
  },
  documents: {
    cases: ['gateway', 'gateway-deflate', 'stock'],
    main: 'us/msg',
    batches: (options) => options.distinct.map((distinct) => (name) => distinctDocuments({ name, distinct }, options)),
  },
  clients: {
    cases: ['tcp', 'gateway-raw', 'gateway', 'stock'],
    main: 'us/msg',
    batches: (options) => options.counts.map((clients) => (name) => clientCount({ name, clients }, options)),
  },
  symbols: {
    cases: ['gateway-raw', 'gateway', 'stock'],
    main: 'us/msg',
    batches: (options) => spreadsOf(options).map((spread) => (name) => symbols({ name, spread }, options)),
  },
  compression: {
    cases: COMPRESSING,
    main: 'us/msg',
    batches: (options) => options.documents.map((document) => (name) => compression({ name, document }, options)),
  },
};

/** First come more symbols a client, then one symbol a client among more symbols. */
function spreadsOf({ universe, universes, symbolsPerClient }: Options): readonly SymbolSpread[] {
  const denser = symbolsPerClient.map((perClient) => ({ universe, perClient }));
  const wider = universes.map((all) => ({ universe: all, perClient: 1 }));
  const isNew = (spread: SymbolSpread): boolean =>
    !denser.some(({ universe: all, perClient }) => all === spread.universe && perClient === spread.perClient);
  return [...denser, ...wider.filter(isNew)];
}
