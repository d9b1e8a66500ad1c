import type { Limits } from '../../src/core/client.ts';

/** Ordinary limits, except for a high rate of messages, so that tests need not wait. */
export const LIMITS: Limits = {
  connections: 10_000,
  connectionsPerAddress: 200,
  subscriptionsPerConnection: 128,
  symbolsPerSubscription: 200,
  messagesPerSecond: 1_000,
  invalidMessagesPerMinute: 30,
  queueBytesPerConnection: 1_048_576,
  queryDepth: 10,
  queryAliases: 30,
  queryTokens: 2_000,
  queryCost: 100_000,
};
