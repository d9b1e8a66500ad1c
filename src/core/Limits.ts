/** `limits` of the configuration: what one client, one address and the whole gateway may take. */
export interface Limits {
  readonly connections: number;
  readonly connectionsPerAddress: number;
  readonly subscriptionsPerConnection: number;
  readonly symbolsPerSubscription: number;
  readonly messagesPerSecond: number;
  readonly invalidMessagesPerMinute: number;
  readonly queueBytesPerConnection: number;
  readonly queryDepth: number;
  readonly queryAliases: number;
  readonly queryTokens: number;
  /** Values that one answer, or one event of a subscription, may hold. */
  readonly queryCost: number;
}
