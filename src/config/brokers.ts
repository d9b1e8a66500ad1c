import { z } from 'zod';
import { decimal } from '../market/decimal.ts';
import { FAULT_LENGTHS_MS } from '../market/mockFault.ts';
import type { FaultKind } from '../market/mockFault.ts';
import {
  flag,
  isMap,
  listOf,
  numberBetween,
  oneOf,
  priceBetween,
  secretText,
  section,
  text,
  url,
  wholeNumber,
  withRule,
} from './fields.ts';

const MAX_SYMBOLS = 10_000;

const brokerId = text('a broker id of lower-case letters, digits, - and _, 64 at most', /^[a-z0-9][a-z0-9_-]{0,63}$/);

function enabled(): z.ZodDefault<z.ZodBoolean> {
  return flag().default(true).describe('False takes the broker out of service. Its clients are told CLOSED.');
}

const binance = section({
  kind: z.literal('binance'),
  enabled: enabled(),
  trades: oneOf(['individual', 'aggregate'])
    .default('individual')
    .describe("`individual`: the venue's stream `trade`. `aggregate`: its stream `aggTrade`."),
  websocketUrl: url('wss:', 'ws:').default('wss://data-stream.binance.vision').describe('The URL of its live data.'),
  restUrl: url('https:', 'http:').default('https://data-api.binance.vision').describe('The URL for its requests.'),
});

const oanda = withRule(
  section({
    kind: z.literal('oanda'),
    enabled: enabled(),
    environment: oneOf(['practice', 'live'])
      .default('practice')
      .describe('Which of the environments of OANDA the accounts belong to.'),
    streamUrl: url('https:', 'http:')
      .nullable()
      .default(null)
      .describe('Replaces the URL of the environment for live data.'),
    restUrl: url('https:', 'http:')
      .nullable()
      .default(null)
      .describe('Replaces the URL of the environment for requests.'),
    token: secretText('a token without white space')
      .nullable()
      .default(null)
      .describe('With `accountId`: one account serves every client. Null: each client sends its own credentials.'),
    accountId: secretText('an account id without white space')
      .nullable()
      .default(null)
      .describe('The account for `token`.'),
  }),
  {
    holds: ({ token, accountId }) => (token === null) === (accountId === null),
    expected: 'token and accountId together, or neither',
    at: 'token',
  },
);

/** The range of first prices with which a mock market still computes exactly; see its code for the reasons. */
function mockPrice(): ReturnType<typeof priceBetween> {
  return priceBetween(decimal('0.00000000000001'), decimal('1000000000000'));
}

const WEEK_MS = 604_800_000;
const MAX_FAULTS = 100;

function faultOf<Kind extends FaultKind>(kind: Kind) {
  return withRule(
    section({
      kind: z.literal(kind),
      afterMs: wholeNumber(0, WEEK_MS).describe("When it begins, after the broker's start."),
      forMs: wholeNumber(1, WEEK_MS).default(FAULT_LENGTHS_MS[kind]).describe('How long it lasts.'),
      everyMs: wholeNumber(100, WEEK_MS)
        .nullable()
        .default(null)
        .describe('From one beginning to the next. Null: it comes once.'),
      symbols: listOf(text('a symbol', /^[!-~]{1,64}$/), 'a list of symbols', MAX_SYMBOLS)
        .min(1, { error: 'at least one symbol; without the key, every symbol is concerned' })
        .nullable()
        .default(null)
        .describe('The symbols that it concerns. Null: every symbol.'),
    }),
    {
      holds: ({ forMs, everyMs }) => typeof everyMs !== 'number' || typeof forMs !== 'number' || everyMs >= forMs,
      expected: `no less than forMs, which is ${FAULT_LENGTHS_MS[kind]} by default`,
      at: 'everyMs',
    },
  );
}

const fault = z.discriminatedUnion(
  'kind',
  [
    faultOf('silence'),
    faultOf('disconnect'),
    faultOf('gap'),
    faultOf('duplicate'),
    faultOf('outOfOrder'),
    faultOf('crossedBook'),
    faultOf('halt'),
  ],
  {
    error: ({ code }) =>
      code === 'invalid_union' ? `one of: ${Object.keys(FAULT_LENGTHS_MS).join(', ')}` : 'a map of settings',
  },
);

/** A fault may only name symbols that its broker lists. It is checked even if the section has other faults. */
function withListedSymbols<Section extends z.ZodObject>(settings: Section): Section {
  return settings.superRefine(
    ({ symbols, faults }, context) => {
      if (!isMap(symbols) || !Array.isArray(faults)) return;
      for (const [at, each] of faults.entries()) {
        const named: readonly unknown[] = isMap(each) && Array.isArray(each['symbols']) ? each['symbols'] : [];
        for (const [index, name] of named.entries()) {
          if (typeof name === 'string' && Object.hasOwn(symbols, name)) continue;
          const message = 'a symbol that this broker lists';
          context.addIssue({ code: 'custom', path: ['faults', at, 'symbols', index], message });
        }
      }
    },
    { when: ({ value }) => isMap(value) },
  );
}

function mockSettings(defaults: { seed: number; ticksPerSecond: number; symbols: Readonly<Record<string, string>> }) {
  const symbolsExpected = `a map of 1 to ${MAX_SYMBOLS} symbols, each with its first price`;
  return {
    enabled: enabled(),
    seed: wholeNumber(0, 4_294_967_295)
      .default(defaults.seed)
      .describe('The same seed gives the same data in the same order.'),
    symbols: z
      .record(text('a symbol of at most 64 characters without white space', /^[!-~]{1,64}$/), mockPrice(), {
        error: symbolsExpected,
      })
      .refine((symbols) => Object.keys(symbols).length > 0 && Object.keys(symbols).length <= MAX_SYMBOLS, {
        error: symbolsExpected,
      })
      .prefault({ ...defaults.symbols })
      .describe('Its symbols, each with its first price. They replace the default ones.'),
    ticksPerSecond: numberBetween(0.01, 10_000)
      .default(defaults.ticksPerSecond)
      .describe('Ticks of each symbol in a second.'),
    faults: listOf(fault, 'a list of faults', MAX_FAULTS)
      .default([])
      .describe('How it misbehaves, so that clients can be tested ([faults.md](faults.md)).'),
  };
}

const mockBinance = withListedSymbols(
  section({
    kind: z.literal('mock-binance'),
    ...mockSettings({ seed: 1, ticksPerSecond: 10, symbols: { BTCUSDT: '43250.10', ETHUSDT: '2280.55' } }),
  }),
);

const mockOanda = withListedSymbols(
  section({
    kind: z.literal('mock-oanda'),
    ...mockSettings({ seed: 2, ticksPerSecond: 4, symbols: { EUR_USD: '1.08452', USD_JPY: '149.832' } }),
    requiresAuthentication: flag()
      .default(true)
      .describe('Clients must send the token `mock-token` and the account `mock-account`.'),
  }),
);

const BROKER_KINDS = ['binance', 'oanda', 'mock-binance', 'mock-oanda'] as const;

const brokerSchema = z.discriminatedUnion('kind', [binance, oanda, mockBinance, mockOanda], {
  error: ({ code }) => (code === 'invalid_union' ? `one of: ${BROKER_KINDS.join(', ')}` : 'a map of settings'),
});

/** The brokers by id. */
export const brokersSchema = z.record(brokerId, brokerSchema, { error: 'a map of brokers, each under its id' });

/** The brokers that exist without any configuration. Each has the defaults of its kind. */
export const DEFAULT_BROKERS: Readonly<Record<string, { readonly kind: string }>> = Object.fromEntries(
  BROKER_KINDS.map((kind) => [kind, { kind }]),
);
