import { z } from 'zod';
import { decimal } from '../market/decimal.ts';
import {
  flag,
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

const binance = section({
  kind: z.literal('binance'),
  enabled: flag().default(true),
  /** `individual`: the venue's stream `trade`; `aggregate`: its stream `aggTrade`. */
  trades: oneOf(['individual', 'aggregate']).default('individual'),
  websocketUrl: url('wss:', 'ws:').default('wss://data-stream.binance.vision'),
  restUrl: url('https:', 'http:').default('https://data-api.binance.vision'),
});

const oanda = withRule(
  section({
    kind: z.literal('oanda'),
    enabled: flag().default(true),
    environment: oneOf(['practice', 'live']).default('practice'),
    /** Replaces the URL of the environment. */
    streamUrl: url('https:', 'http:').nullable().default(null),
    restUrl: url('https:', 'http:').nullable().default(null),
    /** With both, one account serves every client. Without them, each client sends its own credentials. */
    token: secretText('a token without white space').nullable().default(null),
    accountId: secretText('an account id without white space').nullable().default(null),
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

function mockSettings(defaults: { seed: number; ticksPerSecond: number; symbols: Readonly<Record<string, string>> }) {
  const symbolsExpected = `a map of 1 to ${MAX_SYMBOLS} symbols, each with its first price`;
  return {
    enabled: flag().default(true),
    seed: wholeNumber(0, 4_294_967_295).default(defaults.seed),
    symbols: z
      .record(text('a symbol of at most 64 characters without white space', /^[!-~]{1,64}$/), mockPrice(), {
        error: symbolsExpected,
      })
      .refine((symbols) => Object.keys(symbols).length > 0 && Object.keys(symbols).length <= MAX_SYMBOLS, {
        error: symbolsExpected,
      })
      .prefault({ ...defaults.symbols }),
    ticksPerSecond: numberBetween(0.01, 10_000).default(defaults.ticksPerSecond),
  };
}

const mockBinance = section({
  kind: z.literal('mock-binance'),
  ...mockSettings({ seed: 1, ticksPerSecond: 10, symbols: { BTCUSDT: '43250.10', ETHUSDT: '2280.55' } }),
});

const mockOanda = section({
  kind: z.literal('mock-oanda'),
  ...mockSettings({ seed: 2, ticksPerSecond: 4, symbols: { EUR_USD: '1.08452', USD_JPY: '149.832' } }),
  /** If true, clients must send the token `mock-token` and the account `mock-account`. */
  requiresAuthentication: flag().default(true),
});

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
