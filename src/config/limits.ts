import { wholeNumber } from './fields.ts';

/** What one client, or all of them, may take. */
export const LIMITS = {
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
