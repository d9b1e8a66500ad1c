import type { CaseName } from './cases.ts';
import type { DocumentName, SymbolSpread } from './documents.ts';
import { compressedShareOf, costOf, eventCostOf, throughputOf } from './figures.ts';
import type { Options } from './options.ts';
import { Rig } from './Rig.ts';
import type { Outcome } from './Scenario.ts';

// In these batches the server is fully loaded; they measure CPU time for each message.

const SYMBOL_EVENTS_PER_TURN = 50;
/** With few clients there are more events, because the cost of too few messages cannot be measured. */
const LEAST_MESSAGES = 200_000;

interface What {
  readonly name: CaseName;
  readonly document: DocumentName;
}

export async function saturated({ name, document }: What, options: Options): Promise<readonly Outcome[]> {
  const { clients, events, seconds, perTurn } = options;
  await using rig = await Rig.start({ name, document, clients });
  await rig.warmUp();
  const outcomes: Outcome[] = [];
  // If several books come in one turn, a client may receive only the last.
  for (const batch of document === 'book' ? [1] : perTurn) {
    const phase = await rig.saturate({ events, perTurn: batch, seconds });
    outcomes.push({ setting: `${document}, ${batch} a turn`, figures: { ...costOf(phase), ...throughputOf(phase) } });
  }
  return outcomes;
}

export async function distinctDocuments(
  { name, distinct }: { readonly name: CaseName; readonly distinct: number },
  { clients, events, seconds }: Options,
): Promise<readonly Outcome[]> {
  await using rig = await Rig.start({ name, document: 'trade', clients, documents: distinct });
  await rig.warmUp();
  const phase = await rig.saturate({ events, perTurn: 1, seconds });
  return [{ setting: `trade, ${distinct} documents`, figures: costOf(phase) }];
}

export async function clientCount(
  { name, clients }: { readonly name: CaseName; readonly clients: number },
  { events: most, seconds }: Options,
): Promise<readonly Outcome[]> {
  await using rig = await Rig.start({ name, document: 'trade', clients });
  await rig.warmUp();
  const events = Math.max(most, Math.ceil(LEAST_MESSAGES / clients));
  const phase = await rig.saturate({ events, perTurn: 1, seconds });
  return [{ setting: `trade, ${clients} clients`, figures: { ...costOf(phase), ...throughputOf(phase) } }];
}

/** Fails if the server's answer does not accept compression. */
export async function compression({ name, document }: What, options: Options): Promise<readonly Outcome[]> {
  const { clients, events, seconds } = options;
  await using rig = await Rig.start({ name, document, clients });
  await rig.warmUp();
  const phase = await rig.saturate({ events, perTurn: 1, seconds });
  return [{ setting: `${document}, 1 a turn`, figures: { ...costOf(phase), ...compressedShareOf(phase) } }];
}

/** Every symbol has as many events as the others, so that the number for each client is known. */
export async function symbols(
  { name, spread }: { readonly name: CaseName; readonly spread: SymbolSpread },
  { routedClients: clients, events, seconds }: Options,
): Promise<readonly Outcome[]> {
  const { universe, perClient } = spread;
  await using rig = await Rig.start({ name, document: 'trade', clients, symbols: spread });
  await rig.warmUp(SYMBOL_EVENTS_PER_TURN);
  const phase = await rig.saturate({
    events: Math.ceil(events / perClient) * universe,
    perTurn: SYMBOL_EVENTS_PER_TURN,
    seconds,
  });
  const setting = `trade, ${clients} clients with ${perClient} of ${universe} symbols, ${SYMBOL_EVENTS_PER_TURN} a turn`;
  return [{ setting, figures: { ...costOf(phase), ...eventCostOf(phase) } }];
}
