import { z } from 'zod';
import { LOG_LEVELS } from '../shared/logger.ts';
import { authSchema } from './auth.ts';
import { brokersSchema } from './brokers.ts';
import {
  flag,
  isMap,
  listOf,
  network,
  oneOf,
  origin,
  redisUrl,
  secretText,
  section,
  text,
  wholeNumber,
} from './fields.ts';
import { LIMITS } from './limits.ts';
import { withRule } from './rule.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MAX_MESSAGE_BYTES = 16_777_216;

const server = section({
  host: text('a host name or an IP address', /^[\w.:%-]{1,255}$/).default('127.0.0.1'),
  /** 0: any free one. */
  port: wholeNumber(0, 65_535).default(4000),
  /** Of one message from a client, inflated. */
  maxPayloadBytes: wholeNumber(256, MAX_MESSAGE_BYTES).default(65_536),
  shutdownTimeoutMs: wholeNumber(1, HOUR_MS).default(5000),
  /** Of browsers. Empty: the server's own origin and loopback pages; `*` alone opens it to all. */
  allowedOrigins: listOf(origin(), 'a list of origins').default([]),
  /** Whose X-Forwarded-For and -Proto count. */
  trustedProxies: listOf(network(), 'a list of addresses and networks').default([]),
  /** Credentials over plain text from beyond loopback. */
  allowInsecureCredentials: flag().default(false),
  compression: section({
    enabled: flag().default(false),
    thresholdBytes: wholeNumber(0, MAX_MESSAGE_BYTES).default(1024),
  }).prefault({}),
});

const metrics = withRule(
  section({
    access: oneOf(['loopback', 'token', 'public']).default('loopback'),
    token: secretText('a token without white space').nullable().default(null),
  }),
  {
    holds: ({ access, token }) => access !== 'token' || token !== null,
    expected: 'metrics.token beside it',
    at: 'access',
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
    }).prefault({}),
  }),
  {
    holds: ({ engine, redis }) => engine !== 'redis' || !isMap(redis) || redis['url'] !== null,
    expected: 'bus.redis.url beside it',
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
    reconnect: reconnect.prefault({}),
  }).prefault({}),
  graphql: section({ introspection: flag().default(true), graphiql: flag().default(true) }).prefault({}),
  bus: bus.prefault({}),
  log: section({
    level: oneOf(LOG_LEVELS).default('info'),
    /** auto: where standard output is a terminal. */
    pretty: z.union([z.literal('auto'), z.boolean()], { error: 'auto, true or false' }).default('auto'),
  }).prefault({}),
  brokers: brokersSchema,
});

type Scalar = string | number | boolean | null | undefined;
type Immutable<T> = T extends Scalar ? T : { readonly [Key in keyof T]: Immutable<T[Key]> };

/** A configuration that was checked, whole, and can't change. */
export type Config = Immutable<z.output<typeof configSchema>>;
export type BrokerConfig = Config['brokers'][string];
export type BrokerConfigOf<Kind extends BrokerConfig['kind']> = Extract<BrokerConfig, { readonly kind: Kind }>;
