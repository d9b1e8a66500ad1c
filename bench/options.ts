import { parseArgs } from 'node:util';
import { CASES } from './cases.ts';
import type { CaseName } from './cases.ts';
import { DOCUMENTS } from './documents.ts';
import type { DocumentName } from './documents.ts';

export const SCENARIOS = [
  'saturated',
  'latency',
  'throughput',
  'memory',
  'slow',
  'documents',
  'clients',
  'symbols',
  'compression',
] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

export interface Options {
  readonly scenarios: readonly ScenarioName[];
  readonly cases: readonly CaseName[];
  /** True if the cases were named on the command line. */
  readonly chosen: boolean;
  readonly documents: readonly DocumentName[];
  readonly perTurn: readonly number[];
  readonly clients: number;
  readonly events: number;
  readonly rounds: number;
  /** The longest duration of one measured phase. */
  readonly seconds: number;
  /** Undefined leaves the choice to the scenario. */
  readonly eventsPerSecond: number | undefined;
  readonly slowOneIn: number;
  readonly distinct: readonly number[];
  readonly connections: readonly number[];
  readonly counts: readonly number[];
  /** The number of clients if each has symbols of its own. */
  readonly routedClients: number;
  readonly symbolsPerClient: readonly number[];
  readonly universe: number;
  readonly universes: readonly number[];
  readonly out: string;
}

export const USAGE = `node bench/run.ts [options]
  --scenario saturated      of ${SCENARIOS.join(', ')}; or all
  --only ${CASES.join(',')}
                            the cases to run (default: all that the scenario can run)
  --case trade,book         kinds of events
  --per-turn 1,5,20         events in one turn of the event loop (saturated; books: 1 alone)
  --clients 500             connections, one subscription each (symbols: 200)
  --events 2000             events in one measured phase, at most
  --seconds 4               length of one measured phase, at most (slow cases publish fewer events)
  --rounds 5                every case once a round
  --rate N                  events a second in paced scenarios (latency: 20, throughput: 2000, slow: 500)
  --slow-every 100          one client in this many stops reading (slow)
  --distinct 1,10,50,250,500  different documents among the clients (documents)
  --connections 2000        connections that are added (memory)
  --counts 1,10,100,1000,2000  connections, one subscription each (clients)
  --symbols-per-client 1,10,100  symbols of one subscription (symbols)
  --universe 1000           number of symbols (symbols)
  --universes 1,100,1000,10000  numbers of symbols, with one a client (symbols)
  --out bench/results       folder for the results`;

/** Throws an error that says what is wrong with the command line. */
export function readOptions(args: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenario: { type: 'string', default: 'saturated' },
      only: { type: 'string' },
      case: { type: 'string', default: DOCUMENTS.join(',') },
      'per-turn': { type: 'string', default: '1,5,20' },
      clients: { type: 'string' },
      events: { type: 'string', default: '2000' },
      seconds: { type: 'string', default: '4' },
      rounds: { type: 'string', default: '5' },
      rate: { type: 'string' },
      'slow-every': { type: 'string', default: '100' },
      distinct: { type: 'string', default: '1,10,50,250,500' },
      connections: { type: 'string', default: '2000' },
      counts: { type: 'string', default: '1,10,100,1000,2000' },
      'symbols-per-client': { type: 'string', default: '1,10,100' },
      universe: { type: 'string', default: '1000' },
      universes: { type: 'string', default: '1,100,1000,10000' },
      out: { type: 'string', default: new URL('results', import.meta.url).pathname },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const universe = number('universe', values.universe);
  const symbolsPerClient = numbers('symbols-per-client', values['symbols-per-client']);
  if (symbolsPerClient.some((symbols) => symbols > universe)) {
    throw new Error(`--symbols-per-client: there are ${universe} symbols (--universe)`);
  }
  return {
    scenarios: values.scenario === 'all' ? SCENARIOS : oneOf('scenario', values.scenario, SCENARIOS),
    cases: values.only === undefined ? CASES : oneOf('only', values.only, CASES),
    chosen: values.only !== undefined,
    documents: oneOf('case', values.case, DOCUMENTS),
    perTurn: numbers('per-turn', values['per-turn']),
    clients: number('clients', values.clients ?? '500'),
    routedClients: number('clients', values.clients ?? '200'),
    events: number('events', values.events),
    seconds: number('seconds', values.seconds),
    rounds: number('rounds', values.rounds),
    eventsPerSecond: values.rate === undefined ? undefined : number('rate', values.rate),
    slowOneIn: number('slow-every', values['slow-every']),
    distinct: numbers('distinct', values.distinct),
    connections: numbers('connections', values.connections),
    counts: numbers('counts', values.counts),
    symbolsPerClient,
    universe,
    universes: numbers('universes', values.universes),
    out: values.out,
  };
}

function oneOf<Name extends string>(flag: string, text: string, names: readonly Name[]): readonly Name[] {
  return text.split(',').map((part) => {
    const found = names.find((name) => name === part);
    if (found === undefined) throw new Error(`--${flag}: ${part} is not one of ${names.join(', ')}`);
    return found;
  });
}

function numbers(flag: string, text: string): readonly number[] {
  return text.split(',').map((part) => number(flag, part));
}

function number(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1_000_000) {
    throw new Error(`--${flag}: ${text} is not a whole number from 1 to 1000000`);
  }
  return value;
}
