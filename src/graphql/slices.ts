import type { GraphqlContext } from './context.ts';

/** So many items of a list are handled at once: a few milliseconds' worth of the largest there are. */
const SLICE = 128;

/** Resolves when the next piece of work may be done. */
type TakeTurn = () => Promise<void>;

export function turnOf({ services, client }: Pick<GraphqlContext, 'services' | 'client'>): Promise<void> {
  return services.turns.turn(client.asker);
}

/**
 * The items of a list for graphql-js to complete in pieces: those beyond the first piece are promises that are fulfilled
 * piece by piece, each in a turn of its own.
 */
export function inSlices<Item>(items: readonly Item[], turn: TakeTurn): readonly (Item | Promise<Item>)[] {
  if (items.length <= SLICE) return items;
  let ready = Promise.resolve();
  return items.map((item, index) => {
    if (index < SLICE) return item;
    if (index % SLICE === 0) ready = ready.then(turn);
    return ready.then(() => item);
  });
}

/** As JSON.stringify for what is made of objects, lists and plain values, but long lists are written piece by piece. */
export async function stringifyInSlices(value: unknown, turn: TakeTurn): Promise<string> {
  if (Array.isArray(value)) return value.length <= SLICE ? JSON.stringify(value) : stringifyList(value, turn);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members: string[] = [];
  for (const [name, member] of Object.entries(value)) {
    if (member !== undefined) members.push(`${JSON.stringify(name)}:${await stringifyInSlices(member, turn)}`);
  }
  return `{${members.join(',')}}`;
}

async function stringifyList(list: readonly unknown[], turn: TakeTurn): Promise<string> {
  let text = '';
  for (let from = 0; from < list.length; from += SLICE) {
    if (from > 0) {
      await turn();
      text += ',';
    }
    text += JSON.stringify(list.slice(from, from + SLICE)).slice(1, -1);
  }
  return `[${text}]`;
}
