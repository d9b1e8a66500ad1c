import specifications from '@asyncapi/specs';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_OPTIONS } from '../../../src/core/subscription.ts';
import { CANDLE_INTERVALS } from '../../../src/market/marketData.ts';
import { RAW_TYPES } from '../../../src/raw/messages.ts';
import { parseClientMessage } from '../../../src/raw/parseClientMessage.ts';
import { ERROR_CODES } from '../../../src/shared/errors.ts';
import { blocksOf } from '../../support/docPages.ts';
import { asyncApi, RawSchemas } from '../../support/rawSchemas.ts';

type Json = Readonly<Record<string, unknown>>;

const document = asyncApi();
const schemas = new RawSchemas(document);
const { messages, schemas: parts } = document.components;
const examples = blocksOf('docs/raw-protocol.md')
  .filter(({ language }) => language === 'json')
  .map(({ text }) => JSON.parse(text) as Json);
const operations = Object.entries(document.operations);

describe('docs/asyncapi.yaml', () => {
  it('is a document of AsyncAPI 3.0', () => {
    const specification: object = specifications.schemasWithoutId['3.0.0'];
    const isValid = new Ajv({ strict: false, validateFormats: false }).compile(specification);
    expect(isValid(document), JSON.stringify(isValid.errors)).toBe(true);
  });

  it('refers to nothing that is not there, and has nothing that nobody refers to', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = '']) => path);
    for (const path of references) expect(at(path.split('/')), path).toBeDefined();
    const parents = [
      ...Object.keys(parts).map((name) => `components/schemas/${name}`),
      ...Object.keys(messages).map((name) => `components/messages/${name}`),
      ...Object.keys(messages).map((name) => `channels/raw/messages/${name}`),
    ];
    for (const path of parents) expect(references).toContain(path);
  });

  it('says of each message who sends it', () => {
    const received = operations.filter(([, { action }]) => action === 'receive').map(([name]) => name);
    const fromClients = Object.keys(messages).filter((name) => messages[name]?.payload.properties['action']);
    expect(received.toSorted()).toEqual(fromClients.toSorted());
  });

  it.each(examples.filter((example) => Object.hasOwn(example, 'action')))(
    'has the message of a client: $action $id',
    (example) => {
      const own = example['action'] === 'auth' && Object.hasOwn(example, 'broker') ? 'authenticate' : example['action'];
      expect(schemas.kindsOf(example)).toEqual([own]);
    },
  );

  it.each(examples.filter((example) => Object.hasOwn(example, 'type')))(
    'has the message of the gateway: $type $status $code',
    (example) => {
      expect(schemas.kindsOf(example)).toHaveLength(1);
    },
  );

  it('has an example of each of its messages in raw-protocol.md', () => {
    expect(new Set(examples.flatMap((example) => schemas.kindsOf(example)))).toEqual(new Set(Object.keys(messages)));
  });

  it('has the error codes, types, intervals and options of the code, with their defaults', () => {
    expect(parts['code']?.enum).toEqual(Object.keys(ERROR_CODES));
    expect(parts['type']?.enum).toEqual(RAW_TYPES);
    expect(parts['interval']?.enum).toEqual(Object.keys(CANDLE_INTERVALS));
    const options = Object.entries(parts['options']?.properties ?? {}).map(([name, { default: value }]) => [
      name,
      value,
    ]);
    expect(options).toEqual(Object.entries(DEFAULT_OPTIONS));
  });

  it('accepts a message of a client exactly if the gateway does', () => {
    const count = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(clientMessage, (message) => {
        const { error } = parseClientMessage(JSON.stringify(message));
        count[error === undefined ? 'accepted' : 'refused'] += 1;
        expect(schemas.kindsOf(message).length, error?.message).toBe(error === undefined ? 1 : 0);
      }),
      { numRuns: 5_000 },
    );
    expect(Math.min(count.accepted, count.refused)).toBeGreaterThan(500);
  });
});

/** The part of the document at a path. */
function at(path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    document,
  );
}

// These are right more often than not, so that whole messages are right often enough.
const nonsense = fc.constantFrom<unknown>(null, 5, -1, 1.5, true, '', 'x'.repeat(65), [], {}, [1], [null]);
const mostly = (value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 12, arbitrary: value }, { weight: 1, arbitrary: nonsense });
const name = fc.constantFrom('BTCUSDT', 'mock-binance', 'a');
/** An object with some of these members. */
const members = (shape: Readonly<Record<string, fc.Arbitrary<unknown>>>) => fc.record(shape, { requiredKeys: [] });

const clientMessage = fc.record(
  {
    action: mostly(fc.constantFrom('subscribe', 'unsubscribe', 'list', 'ping', 'authenticate', 'auth')),
    id: mostly(fc.oneof(fc.string({ maxLength: 9 }), fc.integer(), fc.constantFrom(2 ** 53, 'x'.repeat(129)))),
    broker: mostly(name),
    symbols: mostly(fc.array(mostly(name), { minLength: 1, maxLength: 3 })),
    types: mostly(fc.array(fc.constantFrom(...RAW_TYPES), { minLength: 1, maxLength: 3 })),
    options: mostly(
      members({
        interval: mostly(fc.constantFrom('1s', '1d', '2m')),
        depth: mostly(fc.constantFrom(1, 1_000, 1_001, 0)),
        book: mostly(fc.constantFrom('snapshot', 'delta')),
        throttleMs: mostly(fc.constantFrom(0, 60_000, 60_001)),
        snapshot: mostly(fc.boolean()),
        history: mostly(fc.constantFrom(0, 1_000, 1_001)),
        other: fc.constantFrom(1, null),
      }),
    ),
    resume: mostly(fc.constantFrom([], ['1EWjOiZmDTxICFgH4-7w5100001-1796062328198-1000001'], null)),
    credentials: mostly(
      members({
        token: mostly(name),
        apiKey: mostly(name),
        session: mostly(name),
        accountId: mostly(name),
        other: fc.constantFrom(1, null),
      }),
    ),
    other: fc.constant({ anything: [1] }),
  },
  { requiredKeys: ['action'] },
);
