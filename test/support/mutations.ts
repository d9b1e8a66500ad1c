import fc from 'fast-check';

/** Texts that stand for JSON which `JSON.stringify` does not write, between marks that no recording has. */
const literal = (text: string): string => `«${text}»`;
const LITERAL = /"«(.*?)»"/g;
const AGAIN = '«again»';

/** What takes the place of a value: other types, other signs, and sizes that no market has. */
const NONSENSE: readonly unknown[] = [
  null,
  true,
  false,
  '',
  ' ',
  'NaN',
  'Infinity',
  '-1',
  '-0.5',
  '0',
  '0.00000000',
  '1e308',
  '1'.repeat(40),
  '1'.repeat(41),
  `0.${'0'.repeat(37)}1`,
  '9999-12-31T23:59:59.999999999Z',
  '0001-01-01T00:00:00Z',
  '__proto__',
  0,
  1,
  -1,
  0.5,
  2 ** 31,
  Number.MAX_SAFE_INTEGER,
  Number.MAX_SAFE_INTEGER + 1,
  literal('NaN'),
  literal('-0'),
  literal('1e400'),
  literal('1e308'),
  literal('1'.repeat(40)),
  literal('{"__proto__":1,"constructor":2}'),
  [],
  {},
  [[]],
  { price: { price: '1' } },
];

type Change =
  | { readonly kind: 'drop' | 'rename' | 'repeat' | 'swapCase' | 'wrap' | 'retype' | 'borrow' }
  | { readonly kind: 'negate' | 'zero' | 'enlarge' }
  | { readonly kind: 'replace'; readonly by: unknown };

const change: fc.Arbitrary<Change> = fc.oneof(
  { arbitrary: fc.constantFrom(...NONSENSE).map((by): Change => ({ kind: 'replace', by })), weight: 2 },
  // Nonsense of the right type is what a careless parser takes.
  { arbitrary: fc.constantFrom('negate', 'zero', 'enlarge').map((kind): Change => ({ kind })), weight: 2 },
  fc.constantFrom('drop', 'rename', 'repeat', 'swapCase', 'wrap', 'retype', 'borrow').map((kind): Change => ({ kind })),
);

type Container = Record<string, unknown> | unknown[];

interface Place {
  readonly within: Container;
  readonly key: string;
}

/** The JSON text of a value in which one to three members were dropped, renamed, repeated, or given another value. */
function mutatedJson(original: unknown): fc.Arbitrary<string> {
  return mutatedValue(original).map(toText);
}

/** The same as a value. */
export function mutatedValue(original: unknown): fc.Arbitrary<unknown> {
  return fc.array(fc.tuple(fc.nat(), fc.nat(), change), { minLength: 1, maxLength: 3 }).map((changes) => {
    const root = { value: structuredClone(original) };
    for (const [where, other, what] of changes) {
      const places = placesIn(root);
      const place = places[where % places.length];
      if (place !== undefined) apply(what, place, places[other % places.length] ?? place);
    }
    return root.value;
  });
}

/** The text with up to four characters inserted, removed or changed, or with its end cut off. */
export function mutatedText(original: string): fc.Arbitrary<string> {
  const piece = fc.oneof(
    fc.constantFrom('"', '{', '}', '[', ']', ':', ',', '.', '-', '0', '9', 'e', '\\', '\n', ' ', '#', '&a', '*a', '!'),
    fc.string({ maxLength: 2, unit: 'binary' }),
  );
  const edit = fc.record({ at: fc.nat(), removed: fc.nat(3), inserted: piece });
  const edited = fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) => {
    let text = original;
    for (const { at, removed, inserted } of edits) {
      const index = at % (text.length + 1);
      text = text.slice(0, index) + inserted + text.slice(index + removed);
    }
    return text;
  });
  const cut = fc.nat(Math.max(0, original.length - 1)).map((length) => original.slice(0, length));
  return fc.oneof({ arbitrary: edited, weight: 3 }, cut);
}

/** JSON text that is mutated as a value, or as text. */
export function mutated(original: string): fc.Arbitrary<string> {
  return fc.oneof({ arbitrary: mutatedJson(JSON.parse(original)), weight: 3 }, mutatedText(original));
}

function placesIn(container: Container): Place[] {
  return Object.entries(container).flatMap(([key, value]) => [
    { within: container, key },
    ...(isContainer(value) ? placesIn(value) : []),
  ]);
}

function apply(what: Change, { within, key }: Place, other: Place): void {
  const value: unknown = Reflect.get(within, key);
  switch (what.kind) {
    case 'drop':
      remove(within, key);
      break;
    case 'rename':
      if (!Array.isArray(within)) remove(within, key);
      Reflect.set(within, `${key}x`, value);
      break;
    case 'repeat':
      if (Array.isArray(within)) within.push(structuredClone(value), structuredClone(value));
      else within[`${key}${AGAIN}`] = structuredClone(Reflect.get(other.within, other.key));
      break;
    case 'swapCase':
      if (Array.isArray(within)) within.reverse();
      else {
        remove(within, key);
        within[key === key.toUpperCase() ? key.toLowerCase() : key.toUpperCase()] = value;
      }
      break;
    case 'wrap':
      Reflect.set(within, key, [structuredClone(value)]);
      break;
    case 'retype':
      Reflect.set(within, key, typeof value === 'string' ? Number(value) : String(value));
      break;
    case 'borrow':
      Reflect.set(within, key, structuredClone(Reflect.get(other.within, other.key)));
      break;
    case 'negate':
      Reflect.set(within, key, typeof value === 'number' ? -value : `-${String(value)}`);
      break;
    case 'zero':
      Reflect.set(within, key, typeof value === 'number' ? 0 : '0');
      break;
    case 'enlarge':
      Reflect.set(within, key, typeof value === 'number' ? value * 1_000 : `9${String(value)}`);
      break;
    case 'replace':
      Reflect.set(within, key, structuredClone(what.by));
      break;
  }
}

function remove(within: Container, key: string): void {
  if (Array.isArray(within)) within.splice(Number(key), 1);
  else Reflect.deleteProperty(within, key);
}

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null;
}

function toText(value: unknown): string {
  const text = JSON.stringify(value) ?? '';
  return text.replaceAll(AGAIN, '').replace(LITERAL, (_whole, inner: string) => inner.replaceAll('\\"', '"'));
}
