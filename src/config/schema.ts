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
  connections: wholeNumber(1, 1_000_000).describe('Open connections of clients: WebSockets and event streams.'),
  connectionsPerAddress: wholeNumber(1, 1_000_000).describe(
    'Open connections from one IPv4 address, or one IPv6 /64 network.',
  ),
  subscriptionsPerConnection: wholeNumber(1, 100_000).describe('Open subscriptions on one connection.'),
  symbolsPerSubscription: wholeNumber(1, 10_000).describe('Symbols in one subscription.'),
  messagesPerSecond: wholeNumber(1, 100_000).describe(
    'Messages from one WebSocket. A faster client is slowed down, and closed only if it keeps that up.',
  ),
  invalidMessagesPerMinute: wholeNumber(1, 100_000).describe(
    'Malformed messages from one raw WebSocket, which is closed at the next one. A GraphQL one is closed at the first.',
  ),
  queueBytesPerConnection: wholeNumber(1_024, 1_073_741_824).describe(
    'Bytes that may wait for a client that reads slowly.',
  ),
  queryDepth: wholeNumber(1, 100).describe('Depth of a GraphQL operation. Fields below `__schema` do not count.'),
  queryAliases: wholeNumber(1, 10_000).describe('Aliases in a GraphQL operation.'),
  queryTokens: wholeNumber(1, 1_000_000).describe('Tokens in a GraphQL document.'),
  queryCost: wholeNumber(1, 1_000_000_000).describe(
    'Values that one answer, or one event of a subscription, may hold. They are counted before the operation is executed.',
  ),
};

const server = section({
  host: text('a host name or an IP address', /^[\w.:%-]{1,255}$/)
    .default('127.0.0.1')
    .describe('Address to listen on. `0.0.0.0` or `::`: other machines can connect, too.'),
  port: wholeNumber(0, 65_535).default(4000).describe('Port to listen on. 0 picks a free one.'),
  maxPayloadBytes: wholeNumber(256, MAX_MESSAGE_BYTES)
    .default(65_536)
    .describe('Longest message or request body that a client may send, after decompression.'),
  shutdownTimeoutMs: wholeNumber(1, HOUR_MS)
    .default(5000)
    .describe('How long clients and running requests may take to end when the gateway stops.'),
  keepAliveTimeoutMs: wholeNumber(1_000, HOUR_MS)
    .default(75_000)
    .describe(
      'How long a connection stays open between two requests. It should be longer than the 60 s that most proxies keep idle connections: they would send a request just as it is closed.',
    ),
  allowedOrigins: listOf(origin(), 'a list of origins')
    .default([])
    .describe(
      "Web pages that may connect, by their origin. Empty: the gateway's own pages, and those on loopback. `*`: all pages.",
    ),
  trustedProxies: listOf(network(), 'a list of addresses and networks')
    .default([])
    .describe('Proxies whose headers X-Forwarded-For and X-Forwarded-Proto are believed.'),
  allowInsecureCredentials: flag()
    .default(false)
    .describe('Accept logins and credentials over plain text from other machines.'),
  compression: section({
    enabled: flag()
      .default(true)
      .describe('Compress WebSocket messages that several clients receive, once for all of them.'),
    thresholdBytes: wholeNumber(0, MAX_MESSAGE_BYTES)
      .default(128)
      .describe('Smaller events are sent uncompressed. A trade has about 300 bytes.'),
  }).prefault({}),
});

const metrics = withRule(
  section({
    access: oneOf(['loopback', 'token', 'public'])
      .default('loopback')
      .describe('Who may read `/metrics`: callers on the same machine, those who send the token, or everybody.'),
    token: secretText('a token without white space')
      .nullable()
      .default(null)
      .describe('The token for `access: token`, sent as `Authorization: Bearer …`.'),
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
  jwksUrl: keySetUrl()
    .nullable()
    .default(null)
    .describe("The URL of the issuer's key set. Exactly one of `jwksUrl`, `secret` and `publicKey` is needed."),
  secret: secretText('a secret of 32 characters or more, without white space', 32)
    .nullable()
    .default(null)
    .describe('The shared secret of HS256, HS384 and HS512.'),
  publicKey: publicKey().nullable().default(null).describe("The issuer's public key."),
  issuer: printable.nullable().default(null).describe('What `iss` must be. Null: anything.'),
  audience: z
    .union([printable, listOf(printable, audienceExpected, 32).min(1)], { error: audienceExpected })
    .nullable()
    .default(null)
    .describe('What `aud` must contain: one of these. Null: anything.'),
  algorithms: listOf(oneOf([...SECRET_ALGORITHMS, ...PUBLIC_KEY_ALGORITHMS]), 'a list of algorithms', 14)
    .min(1, { error: 'at least one algorithm' })
    .nullable()
    .default(null)
    .describe('Which signatures are accepted. Null: HS256 with a secret, RS256 and ES256 otherwise.'),
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
  id: text('an id of letters, digits, - and _, 64 at most', /^[\w-]{1,64}$/).describe(
    'Its name in logs. Each key has another one.',
  ),
  sha256: text('a SHA-256 digest: 64 hexadecimal digits', /^[0-9a-fA-F]{64}$/).describe(
    'The SHA-256 digest of the whole key, in hexadecimal.',
  ),
  roles: listOf(oneOf(['admin']), 'a list of roles', 16)
    .default([])
    .describe('`admin` may take brokers in and out of service.'),
  limits: section(LIMITS)
    .partial()
    .prefault({})
    .describe('Limits that replace those of `limits` for clients that log in with this key.'),
});

const authSchema = withRule(
  section({
    mode: oneOf(['none', 'required'])
      .default('none')
      .describe('Whether clients must log in. `required` needs `auth.jwt` or `auth.apiKeys`.'),
    jwt: jwt.nullable().default(null).describe('How logins with a JSON Web Token are checked. Null: there are none.'),
    apiKeys: listOf(apiKey, 'a list of API keys')
      .refine((keys) => new Set(keys.map(({ id }) => id)).size === keys.length, {
        error: 'API keys with different ids',
      })
      .default([])
      .describe('The keys with which clients can log in.'),
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
    baseMs: wholeNumber(1, HOUR_MS)
      .default(500)
      .describe('First delay before connecting to a venue again. It doubles each time, with jitter.'),
    maxMs: wholeNumber(1, HOUR_MS).default(30_000).describe('Longest delay before connecting to a venue again.'),
  }),
  {
    holds: ({ baseMs, maxMs }) => typeof baseMs !== 'number' || typeof maxMs !== 'number' || maxMs >= baseMs,
    expected: 'no less than feeds.reconnect.baseMs',
    at: 'maxMs',
  },
);

const bus = withRule(
  section({
    engine: oneOf(['memory', 'redis'])
      .default('memory')
      .describe('`memory`: one gateway. `redis`: several that share their connections to venues.'),
    redis: section({
      url: redisUrl()
        .nullable()
        .default(null)
        .describe('The server for `engine: redis`: Redis 6.2 or newer, or Valkey.'),
      prefix: text('a prefix of letters, digits, -, _, . and :, 64 at most', /^[\w.:-]{1,64}$/)
        .default('tickgraph')
        .describe('Prefix of all keys and channels. Gateways with the same one are one fleet.'),
      onLoss: oneOf(['stale', 'direct'])
        .default('stale')
        .describe(
          'Without Redis: `stale`, or `direct` (each gateway connects to the venues itself after ten seconds).',
        ),
    }).prefault({}),
  }),
  {
    holds: ({ engine, redis }) => engine !== 'redis' || !isMap(redis) || typeof redis['url'] === 'string',
    expected: 'memory, or a server in bus.redis.url (REDIS_URL)',
    at: 'engine',
  },
);

/** The whole configuration: every key with its bounds, its default, and its meaning, which docs/configuration.md lists. */
export const configSchema = section({
  server: server.prefault({}).describe('The listening socket, and what it expects of clients.'),
  metrics: metrics.prefault({}).describe('Metrics for Prometheus.'),
  heartbeat: section({
    graphqlMs: wholeNumber(50, HOUR_MS).default(12_000).describe('Time between two pings on a GraphQL socket.'),
    rawMs: wholeNumber(50, HOUR_MS).default(30_000).describe('Time between two pings on a raw socket.'),
  })
    .prefault({})
    .describe('How often the gateway asks whether a client is still there. One that does not answer is disconnected.'),
  auth: authSchema
    .prefault({})
    .describe('Who may use the gateway itself. Credentials for brokers are independent of it.'),
  sessions: section({
    idleTimeoutMs: wholeNumber(100, DAY_MS)
      .default(900_000)
      .describe('How long credentials are kept after the last connection that used them.'),
  })
    .prefault({})
    .describe("What holds a client's credentials for brokers."),
  limits: limits.prefault({}).describe('What one connection, one address and all clients together may use.'),
  feeds: section({
    staleAfterMs: wholeNumber(100, HOUR_MS)
      .default(10_000)
      .describe('Shortest silence after which a feed that should send data is reported as stale.'),
    replayBytes: wholeNumber(1_024, 64 * 1_073_741_824)
      .default(67_108_864)
      .describe('Memory for events that clients who come back are sent. The oldest go first.'),
    reconnect: reconnect.prefault({}),
  })
    .prefault({})
    .describe('Feeds from venues.'),
  graphql: section({
    introspection: flag().default(true).describe('Answer queries about the schema.'),
    graphiql: flag().default(true).describe('Serve GraphiQL at `/graphql`.'),
  })
    .prefault({})
    .describe('What `/graphql` serves.'),
  bus: bus.prefault({}).describe('How several gateways share their connections to venues ([scaling.md](scaling.md)).'),
  log: section({
    level: oneOf(LOG_LEVELS).default('info').describe('The least important lines that are written.'),
    pretty: z
      .union([z.literal('auto'), z.boolean()], { error: 'auto, true or false' })
      .default('auto')
      .describe('Readable lines in place of JSON. `auto`: if standard output is a terminal.'),
  })
    .prefault({})
    .describe('Logs, on standard output.'),
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
