import type { GraphqlContext } from './context.ts';

/** The number of items in a slice: a few milliseconds of work with the largest items there are. */
const SLICE = 128;

/** Resolves when the next slice of work may be done. */
type TakeTurn = () => Promise<void>;

/** Resolves when the client of this operation has its next turn of the event loop. */
export function turnOf({ services, client }: Pick<GraphqlContext, 'services' | 'client'>): Promise<void> {
  return services.turns.turn(client.asker);
}

/**
 * The items of a list for graphql-js to complete in slices: items after the first slice are promises, which are
 * fulfilled slice by slice, each slice in its own turn.
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

/** Like JSON.stringify for objects, lists and plain values, but long lists are written in slices. */
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
