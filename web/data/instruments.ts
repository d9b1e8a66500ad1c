import { ask } from './ask.ts';
import type { Answer } from './ask.ts';
import { isOpen } from './brokers.ts';
import type { Broker } from './brokers.ts';
import { rank } from './rank.ts';
import type { Listed } from './viewLink.ts';

export interface Instrument extends Listed {
  readonly displayName: string;
}

interface Found {
  readonly instruments: { readonly edges: readonly { readonly node: Instrument }[]; readonly totalCount: number };
}

const FIRST = `query ($broker: ID!, $search: String, $first: Int!) {
  instruments(broker: $broker, search: $search, first: $first) { totalCount edges { node { broker symbol displayName } } }
}`;
/** A broker with more instruments than this is not watched in the order of its symbols. */
const FEW = 30;
/** The instruments that people look at first if a broker lists thousands. */
const WELL_KNOWN = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'BNBUSDT', 'XRPUSDT', 'EUR_USD', 'USD_JPY', 'GBP_USD'];
const RESULTS_PER_BROKER = 8;
const MAX_RESULTS = 20;

/** The instruments that were found, and the brokers that could not be searched. */
export interface SearchResult {
  readonly found: readonly Instrument[];
  readonly silent: readonly { readonly broker: string; readonly reason: string }[];
}

/** Searches all brokers that are in service. */
export async function search(text: string, brokers: readonly Broker[]): Promise<SearchResult> {
  const answers = await Promise.all(
    brokers
      .filter(({ enabled }) => enabled)
      .map(async ({ id }) => ({ id, answer: await askFor(id, text, RESULTS_PER_BROKER) })),
  );
  return {
    found: rank(
      text,
      answers.flatMap(({ answer }) => (answer.ok ? nodes(answer.data) : [])),
    ).slice(0, MAX_RESULTS),
    silent: answers.flatMap(({ id, answer }) => (answer.ok ? [] : [{ broker: id, reason: answer.problem.message }])),
  };
}

/** The instruments that a page without a link begins with. */
export async function firstInstruments(brokers: readonly Broker[]): Promise<readonly Instrument[]> {
  const open = brokers.filter(isOpen);
  const real = open.filter(({ synthetic, state }) => !synthetic && (state === 'CONNECTED' || state === 'DEGRADED'));
  const chosen = real.length > 0 ? real : open.filter(({ synthetic }) => synthetic);
  const lists = await Promise.all(chosen.map(({ id }) => few(id)));
  return lists.flat();
}

async function few(broker: string): Promise<readonly Instrument[]> {
  const answer = await askFor(broker, null, RESULTS_PER_BROKER);
  if (!answer.ok) return [];
  if (answer.data.instruments.totalCount <= FEW) {
    return nodes(answer.data).toSorted((a, b) => fame(a) - fame(b));
  }
  const known = await Promise.all(WELL_KNOWN.map((symbol) => find(broker, symbol, 20)));
  return known.flatMap((found, i) => found.filter(({ symbol }) => symbol === WELL_KNOWN[i]));
}

async function find(broker: string, text: string, first: number): Promise<readonly Instrument[]> {
  const answer = await askFor(broker, text, first);
  return answer.ok ? nodes(answer.data) : [];
}

/** The place among what people look at first. */
function fame({ symbol }: Instrument): number {
  const place = WELL_KNOWN.indexOf(symbol);
  return place === -1 ? WELL_KNOWN.length : place;
}

function askFor(broker: string, text: string | null, first: number): Promise<Answer<Found>> {
  return ask('query', FIRST, { broker, search: text, first });
}

function nodes({ instruments }: Found): readonly Instrument[] {
  return instruments.edges.map(({ node }) => node);
}
