import { z } from 'zod';
import { LOG_LEVELS } from '../shared/logger.ts';
import { brokersSchema } from './brokers.ts';
import {
  flag,
  listOf,
  network,
  isMap,
  oneOf,
  origin,
  redisUrl,
  secretText,
  section,
  text,
  wholeNumber,
  withRule,
  keySetUrl,
  publicKey,
} from './fields.ts';
import { PUBLIC_KEY_ALGORITHMS, SECRET_ALGORITHMS, readPublicKey, usableAlgorithms } from '../shared/jwtKeys.ts';
import type { Rule } from './fields.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MAX_MESSAGE_BYTES = 16_777_216;

/** The bounds of each limit. API keys may have limits of their own, so the defaults are not part of this. */
const LIMITS = {
  connections: wholeNumber(1, 1_000_000),
  connectionsPerAddress: wholeNumber(1, 1_000_000),
  subscriptionsPerConnection: wholeNumber(1, 100_000),
  symbolsPerSubscription: wholeNumber(1, 10_000),
  messagesPerSecond: wholeNumber(1, 100_000),
  invalidMessagesPerMinute: wholeNumber(1, 100_000),
  queueBytesPerConnection: wholeNumber(1_024, 1_073_741_824),
  queryDepth: wholeNumber(1, 100),
  queryAliases: wholeNumber(1, 10_000),
  queryTokens: wholeNumber(1, 1_000_000),
  queryCost: wholeNumber(1, 1_000_000_000),
};

const server = section({
  host: text('a host name or an IP address', /^[\w.:%-]{1,255}$/).default('127.0.0.1'),
  /** 0 picks a free port. */
  port: wholeNumber(0, 65_535).default(4000),
  /** The size of one message from a client, after decompression. */
  maxPayloadBytes: wholeNumber(256, MAX_MESSAGE_BYTES).default(65_536),
  shutdownTimeoutMs: wholeNumber(1, HOUR_MS).default(5000),
  /** Longer than the 60 s that most proxies keep idle connections: they would send a request just as it is closed. */
  keepAliveTimeoutMs: wholeNumber(1_000, HOUR_MS).default(75_000),
  /** The origins of web pages that may connect. Empty: the server's own origin and loopback pages; `*`: all pages. */
  allowedOrigins: listOf(origin(), 'a list of origins').default([]),
  /** The proxies whose X-Forwarded-For and X-Forwarded-Proto headers are believed. */
  trustedProxies: listOf(network(), 'a list of addresses and networks').default([]),
  /** Accepts credentials over plain text from other machines. */
  allowInsecureCredentials: flag().default(false),
  compression: section({
    enabled: flag().default(true),
    /** Most trades and ticks are longer. */
    thresholdBytes: wholeNumber(0, MAX_MESSAGE_BYTES).default(128),
  }).prefault({}),
});

const metrics = withRule(
  section({
    access: oneOf(['loopback', 'token', 'public']).default('loopback'),
    token: secretText('a token without white space').nullable().default(null),
  }),
  {
    holds: ({ access, token }) => access !== 'token' || token !== null,
    expected: 'a metrics.token with this access',
    at: 'access',
  },
);

const printable = text('text of at most 1024 characters', /^[^\p{Cc}]+$/u, 1_024);
const audienceExpected = 'an audience, or a list of audiences';

const jwtSettings = section({
  jwksUrl: keySetUrl().nullable().default(null),
  /** The shared secret of HS256, HS384 and HS512: at least 32 characters. */
  secret: secretText('a secret of 32 characters or more, without white space', 32).nullable().default(null),
  /** A public key in PEM format. */
  publicKey: publicKey().nullable().default(null),
  issuer: printable.nullable().default(null),
  audience: z
    .union([printable, listOf(printable, audienceExpected, 32).min(1)], { error: audienceExpected })
    .nullable()
    .default(null),
  /** Null allows HS256 with a secret, and RS256 and ES256 otherwise. */
  algorithms: listOf(oneOf([...SECRET_ALGORITHMS, ...PUBLIC_KEY_ALGORITHMS]), 'a list of algorithms', 14)
    .min(1, { error: 'at least one algorithm' })
    .nullable()
    .default(null),
});

const JWT_RULES: readonly Rule[] = [
  {
    holds: ({ jwksUrl, secret, publicKey: pem }) => [jwksUrl, secret, pem].filter((key) => key !== null).length === 1,
    expected: 'exactly one of jwksUrl, secret and publicKey',
    at: 'jwksUrl',
  },
  {
    holds: ({ secret, algorithms }) =>
      !Array.isArray(algorithms) ||
      algorithms.every((algorithm) => SECRET_ALGORITHMS.some((name) => name === algorithm) === (secret !== null)),
    expected: 'HS256, HS384, HS512 with a secret, and only other algorithms with a public key or jwksUrl',
    at: 'algorithms',
  },
  {
    holds: ({ publicKey: pem, algorithms }) => {
      const key = typeof pem === 'string' ? readPublicKey(pem) : null;
      if (key === null || (algorithms !== null && !Array.isArray(algorithms))) return true;
      return usableAlgorithms(key.algorithms, algorithms).length > 0;
    },
    expected:
      'an algorithm that fits the key: RS or PS with 256, 384 or 512 for RSA; ES256, ES384, ES512 for P-256, P-384, P-521; EdDSA or Ed25519 for Ed25519',
    at: 'algorithms',
  },
];

const jwt = JWT_RULES.reduce(withRule, jwtSettings);

const apiKey = section({
  id: text('an id of letters, digits, - and _, 64 at most', /^[\w-]{1,64}$/),
  /** The SHA-256 digest of the whole key, in hexadecimal. */
  sha256: text('a SHA-256 digest: 64 hexadecimal digits', /^[0-9a-fA-F]{64}$/),
  roles: listOf(oneOf(['admin']), 'a list of roles', 16).default([]),
  /** Limits that replace those of `limits`. */
  limits: section(LIMITS).partial().prefault({}),
});

/** This decides who may use the gateway itself. Credentials for brokers are independent of it. */
const authSchema = withRule(
  section({
    mode: oneOf(['none', 'required']).default('none'),
    jwt: jwt.nullable().default(null),
    apiKeys: listOf(apiKey, 'a list of API keys')
      .refine((keys) => new Set(keys.map(({ id }) => id)).size === keys.length, {
        error: 'API keys with different ids',
      })
      .default([]),
  }),
  {
    holds: ({ mode, jwt: login, apiKeys }) =>
      mode !== 'required' || isMap(login) || !Array.isArray(apiKeys) || apiKeys.length > 0,
    expected: 'auth.jwt or auth.apiKeys with this mode',
    at: 'mode',
  },
);

const limits = section({
  connections: LIMITS.connections.default(10_000),
  connectionsPerAddress: LIMITS.connectionsPerAddress.default(200),
  subscriptionsPerConnection: LIMITS.subscriptionsPerConnection.default(128),
  symbolsPerSubscription: LIMITS.symbolsPerSubscription.default(200),
  messagesPerSecond: LIMITS.messagesPerSecond.default(20),
  invalidMessagesPerMinute: LIMITS.invalidMessagesPerMinute.default(30),
  queueBytesPerConnection: LIMITS.queueBytesPerConnection.default(1_048_576),
  queryDepth: LIMITS.queryDepth.default(10),
  queryAliases: LIMITS.queryAliases.default(30),
  queryTokens: LIMITS.queryTokens.default(2000),
  queryCost: LIMITS.queryCost.default(100_000),
});

const reconnect = withRule(
  section({
    baseMs: wholeNumber(1, HOUR_MS).default(500),
    maxMs: wholeNumber(1, HOUR_MS).default(30_000),
  }),
  {
    holds: ({ baseMs, maxMs }) => typeof baseMs !== 'number' || typeof maxMs !== 'number' || maxMs >= baseMs,
    expected: 'no less than feeds.reconnect.baseMs',
    at: 'maxMs',
  },
);

const bus = withRule(
  section({
    engine: oneOf(['memory', 'redis']).default('memory'),
    redis: section({
      url: redisUrl().nullable().default(null),
      prefix: text('a prefix of letters, digits, -, _, . and :, 64 at most', /^[\w.:-]{1,64}$/).default('tickgraph'),
      onLoss: oneOf(['stale', 'direct']).default('stale'),
    }).prefault({}),
  }),
  {
    holds: ({ engine, redis }) => engine !== 'redis' || !isMap(redis) || typeof redis['url'] === 'string',
    expected: 'memory, or a server in bus.redis.url (REDIS_URL)',
    at: 'engine',
  },
);

/** The whole configuration: every key, its bounds and its default. Units are in the names. */
export const configSchema = section({
  server: server.prefault({}),
  metrics: metrics.prefault({}),
  heartbeat: section({
    graphqlMs: wholeNumber(50, HOUR_MS).default(12_000),
    rawMs: wholeNumber(50, HOUR_MS).default(30_000),
  }).prefault({}),
  auth: authSchema.prefault({}),
  sessions: section({ idleTimeoutMs: wholeNumber(100, DAY_MS).default(900_000) }).prefault({}),
  limits: limits.prefault({}),
  feeds: section({
    staleAfterMs: wholeNumber(100, HOUR_MS).default(10_000),
    replayBytes: wholeNumber(1_024, 64 * 1_073_741_824).default(67_108_864),
    reconnect: reconnect.prefault({}),
  }).prefault({}),
  graphql: section({ introspection: flag().default(true), graphiql: flag().default(true) }).prefault({}),
  bus: bus.prefault({}),
  log: section({
    level: oneOf(LOG_LEVELS).default('info'),
    /** `auto` writes readable lines if standard output is a terminal. */
    pretty: z.union([z.literal('auto'), z.boolean()], { error: 'auto, true or false' }).default('auto'),
  }).prefault({}),
  brokers: brokersSchema,
});

type Scalar = string | number | boolean | null | undefined;
type Immutable<T> = T extends Scalar ? T : { readonly [Key in keyof T]: Immutable<T[Key]> };

/** A complete, valid and frozen configuration. */
export type Config = Immutable<z.output<typeof configSchema>>;
/** The settings of one broker. */
export type BrokerConfig = Config['brokers'][string];
/** The settings of one broker of a certain kind. */
export type BrokerConfigOf<Kind extends BrokerConfig['kind']> = Extract<BrokerConfig, { readonly kind: Kind }>;
