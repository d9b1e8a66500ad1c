import { ask } from './ask.ts';
import { isOpen } from './brokers.ts';
import type { Broker } from './brokers.ts';
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
/** What people look at first, where a broker lists thousands. */
const WELL_KNOWN = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'BNBUSDT', 'XRPUSDT', 'EUR_USD', 'USD_JPY', 'GBP_USD'];
const RESULTS_PER_BROKER = 8;
const MAX_RESULTS = 20;

/** Searches all brokers. Those that can't answer are left out. */
export async function search(text: string, brokers: readonly Broker[]): Promise<readonly Instrument[]> {
  const answers = await Promise.all(
    brokers.filter(({ enabled }) => enabled).map(({ id }) => find(id, text, RESULTS_PER_BROKER)),
  );
  return rank(text, answers.flat()).slice(0, MAX_RESULTS);
}

/** The instruments that a page without a link begins with. */
export async function firstInstruments(brokers: readonly Broker[]): Promise<readonly Instrument[]> {
  const open = brokers.filter(isOpen);
  const real = open.filter(({ synthetic, state }) => !synthetic && (state === 'CONNECTED' || state === 'DEGRADED'));
  const chosen = real.length > 0 ? real : open.filter(({ synthetic }) => synthetic);
  const lists = await Promise.all(chosen.map(({ id }) => few(id)));
  return lists.flat();
}

/** The symbols that begin with the text come before those that only contain it, and short ones before long ones. */
export function rank(text: string, found: readonly Instrument[]): readonly Instrument[] {
  const wanted = text.toUpperCase();
  const distance = ({ symbol }: Instrument): number => {
    const plain = symbol.toUpperCase();
    if (plain === wanted || plain.replaceAll('_', '') === wanted) return 0;
    return plain.startsWith(wanted) ? 1 : 2;
  };
  return found.toSorted((a, b) => distance(a) - distance(b) || a.symbol.length - b.symbol.length);
}

async function few(broker: string): Promise<readonly Instrument[]> {
  const answer = await ask<Found>('query', FIRST, { broker, search: null, first: RESULTS_PER_BROKER });
  if (!answer.ok) return [];
  if (answer.data.instruments.totalCount <= FEW) return nodes(answer.data);
  const known = await Promise.all(WELL_KNOWN.map((symbol) => find(broker, symbol, 20)));
  return known.flatMap((found, i) => found.filter(({ symbol }) => symbol === WELL_KNOWN[i]));
}

async function find(broker: string, text: string, first: number): Promise<readonly Instrument[]> {
  const answer = await ask<Found>('query', FIRST, { broker, search: text, first });
  return answer.ok ? nodes(answer.data) : [];
}

function nodes({ instruments }: Found): readonly Instrument[] {
  return instruments.edges.map(({ node }) => node);
}
