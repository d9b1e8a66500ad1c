import { createClient, ErrorReply } from '@redis/client';
import type { RedisClientOptions } from '@redis/client';
import type { Clock } from '../../shared/clock.ts';
import type { Random } from '../../shared/random.ts';
import { isSentinelUrl, Sentinels } from './Sentinels.ts';

export interface RedisLinkOptions {
  /** `redis://` or `rediss://`, or of Sentinels that know the server. */
  readonly url: string;
  readonly clock: Clock;
  readonly random: Random;
  /** A write was dropped. */
  readonly onDropped: () => void;
  /** Both connections are there, for the first time or again: what was published meanwhile has been missed. */
  readonly onReady: () => void;
  /** A connection is lost, or can't be made, for this reason; it is tried again. */
  readonly onLost: (reason: string) => void;
  /** Redis refuses what it was asked for this reason, or (null) does not any more. */
  readonly onRefused: (reason: string | null) => void;
}

type Listener = (message: string) => void;

/** A channel, and who listens to it. */
interface Channel {
  readonly listeners: Set<Listener>;
  readonly dispatch: Listener;
  isSubscribed: boolean;
  /** Runs while Redis is being told of a change. */
  settling: Promise<void> | null;
}

type Client = ReturnType<typeof createRedisClient>;

/** Batches that Redis has not answered yet; more are dropped, because late market data is worth nothing. */
const MAX_IN_FLIGHT = 500;
const MAX_RETRY_MS = 500;
/** So often each connection is looked at, and after so many looks without an answer it is made anew. */
const LOOK_MS = 500;
const LOOKS = 5;

/**
 * The two connections to Redis: one for commands and for publishing, the other for subscriptions. While one of them is away,
 * commands fail at once, nothing is kept for later, and nothing is heard. Both are restored by themselves, for ever.
 */
export class RedisLink implements AsyncDisposable {
  readonly #options: RedisLinkOptions;
  readonly #sentinels: Sentinels | null;
  #commands: Client;
  #subscriber: Client;
  readonly #ready = new Set<Client>();
  /** The looks at each connection since it was asked whether it is there, which it has not answered yet. */
  readonly #unanswered = new Map<Client, number>();
  #looking: Disposable | null = null;
  #url: string;
  #channels = new Map<string, Channel>();
  /** The clock of Redis minus this gateway's monotonic one. */
  #serverAheadMs: number | null = null;
  #refusal: string | null = null;
  #inFlight = 0;
  #isClosed = false;

  constructor(options: RedisLinkOptions) {
    this.#options = options;
    this.#url = options.url;
    this.#commands = createRedisClient(options);
    this.#subscriber = createRedisClient(options);
    this.#sentinels = isSentinelUrl(options.url)
      ? new Sentinels({
          ...options,
          onMaster: (url) => {
            this.#moveTo(url, 'another server is the master now');
          },
        })
      : null;
  }

  /** Begins to connect. Never rejects: it is tried until it succeeds. */
  start(): void {
    this.#looking = this.#options.clock.every(LOOK_MS, () => {
      for (const client of this.#ready) this.#look(client);
    });
    if (this.#sentinels === null) this.#connect();
    else this.#sentinels.start();
  }

  /** The time by the clock of Redis, in milliseconds since the epoch; null while that is not known. */
  get serverMs(): number | null {
    return this.#serverAheadMs === null ? null : this.#options.clock.monotonic() + this.#serverAheadMs;
  }

  get isReady(): boolean {
    return this.#ready.size === 2;
  }

  /** Why Redis refused the last script; null if it did not. */
  get refusal(): string | null {
    return this.#refusal;
  }

  /** Calls the listener for each message on exactly this channel. Resolves once Redis knows; never rejects. */
  async subscribe(name: string, listener: Listener): Promise<void> {
    const channel = this.#channels.get(name) ?? this.#newChannel();
    this.#channels.set(name, channel);
    channel.listeners.add(listener);
    await this.#settle(name, channel);
  }

  async unsubscribe(name: string, listener: Listener): Promise<void> {
    const channel = this.#channels.get(name);
    if (channel === undefined) return;
    channel.listeners.delete(listener);
    await this.#settle(name, channel);
  }

  /** Sends commands in one write. `onFailed` is called if they were dropped, lost on the way, or refused. */
  send(commands: readonly (readonly string[])[], onFailed: () => void = () => undefined): void {
    if (commands.length === 0) return;
    if (!this.#ready.has(this.#commands) || this.#inFlight >= MAX_IN_FLIGHT) {
      this.#options.onDropped();
      onFailed();
      return;
    }
    const batch = this.#commands.multi();
    for (const command of commands) batch.addCommand([...command]);
    this.#inFlight += 1;
    void this.#settled(batch.execAsPipeline(), onFailed);
  }

  /** Runs a script on these keys, which all have the same hash tag. Rejects if Redis can't be asked. */
  async run(script: string, keys: readonly string[], values: readonly string[]): Promise<unknown> {
    try {
      const answer: unknown = await this.#commands.eval(script, { keys: [...keys], arguments: [...values] });
      this.#setRefusal(null);
      return answer;
    } catch (error) {
      if (error instanceof ErrorReply) this.#setRefusal(error.message);
      throw error;
    }
  }

  /** The newest entries of a Redis Stream, oldest first: the field `f` of each. Rejects if Redis can't be asked. */
  async tail(key: string, count: number): Promise<readonly string[]> {
    const entries = await this.#commands.xRevRange(key, '+', '-', { COUNT: count });
    return (entries ?? []).flatMap(({ message }) => message['f'] ?? []).toReversed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#looking?.[Symbol.dispose]();
    this.#sentinels?.[Symbol.dispose]();
    this.#disconnect();
    await Promise.resolve();
  }

  #connect(): void {
    for (const client of [this.#commands, this.#subscriber]) {
      this.#watch(client);
      void client.connect().catch(() => undefined);
    }
  }

  #disconnect(): void {
    this.#ready.clear();
    this.#unanswered.clear();
    for (const client of [this.#commands, this.#subscriber]) {
      client.removeAllListeners();
      client.on('error', () => undefined);
      if (client.isOpen) client.destroy();
    }
  }

  /** Makes both connections anew. Whoever listens does so there. */
  #moveTo(url: string, reason: string): void {
    this.#options.onLost(reason);
    this.#disconnect();
    this.#url = url;
    this.#commands = createRedisClient({ ...this.#options, url });
    this.#subscriber = createRedisClient({ ...this.#options, url });
    this.#channels = new Map([...this.#channels].map(([name, { listeners }]) => [name, this.#newChannel(listeners)]));
    this.#connect();
  }

  /**
   * Asks the connection whether it is there. Its own timeout never comes while something is written to it, and a command
   * that has been written is waited for without end. What is counted are looks: time in which this process stood still
   * says nothing about Redis.
   */
  #look(client: Client): void {
    const looks = this.#unanswered.get(client) ?? 0;
    if (looks >= LOOKS) {
      this.#moveTo(this.#url, 'it does not answer');
      return;
    }
    this.#unanswered.set(client, looks + 1);
    if (looks === 0) void this.#answered(client);
  }

  async #answered(client: Client): Promise<void> {
    try {
      await client.ping();
    } catch {
      // The connection says itself that it is lost.
    }
    this.#unanswered.delete(client);
  }

  async #settled(answers: Promise<unknown>, onFailed: () => void): Promise<void> {
    try {
      await answers;
    } catch {
      // The connection says itself what is wrong, and whoever reads notices what is missing.
      onFailed();
    }
    this.#inFlight -= 1;
  }

  #watch(client: Client): void {
    client.on('ready', () => {
      void this.#greet(client);
    });
    client.on('error', (error: Error) => {
      // One that answers, even if only that it refuses, is there, and would never be ready again.
      if (error instanceof ErrorReply && client.isReady) return;
      this.#lose(client, error.message);
    });
    client.on('end', () => {
      this.#lose(client, 'closed');
    });
  }

  /** The connection is there. */
  async #greet(client: Client): Promise<void> {
    if (client === this.#subscriber) {
      await Promise.all([...this.#channels].map(([name, channel]) => this.#settle(name, channel)));
    } else {
      await this.#compareClocks();
    }
    if (this.#isClosed || !client.isReady) return;
    this.#ready.add(client);
    if (this.isReady) this.#options.onReady();
  }

  async #compareClocks(): Promise<void> {
    try {
      const [seconds, microseconds] = await this.#commands.time();
      const serverMs = Number(seconds) * 1_000 + Number(microseconds) / 1_000;
      this.#serverAheadMs = serverMs - this.#options.clock.monotonic();
    } catch {
      // The connection is lost again.
    }
  }

  /**
   * Subscribes to the channel, or leaves it, one after the other: the client loses count if both are under way. Resolves
   * when Redis knows, or is away: then it is done when Redis is back.
   */
  #settle(name: string, channel: Channel): Promise<void> {
    channel.settling ??= this.#change(name, channel);
    return channel.settling;
  }

  async #change(name: string, channel: Channel): Promise<void> {
    try {
      while (channel.listeners.size > 0 !== channel.isSubscribed) {
        const isWanted = channel.listeners.size > 0;
        await (isWanted
          ? this.#subscriber.subscribe(name, channel.dispatch)
          : this.#subscriber.unsubscribe(name, channel.dispatch));
        channel.isSubscribed = isWanted;
      }
      if (!channel.isSubscribed && this.#channels.get(name) === channel) this.#channels.delete(name);
    } catch {
      // The connection is lost.
    }
    channel.settling = null;
  }

  #newChannel(listeners = new Set<Listener>()): Channel {
    const dispatch = (message: string): void => {
      // Without the other connection, missing lines could not be asked for, and nobody could be told that the stream is wanted.
      if (!this.isReady) return;
      for (const listener of listeners) listener(message);
    };
    return { listeners, dispatch, isSubscribed: false, settling: null };
  }

  #setRefusal(reason: string | null): void {
    if (this.#refusal === reason) return;
    this.#refusal = reason;
    this.#options.onRefused(reason);
  }

  #lose(client: Client, reason: string): void {
    if (this.#isClosed) return;
    this.#ready.delete(client);
    this.#refusal = null;
    this.#options.onLost(reason);
  }
}

/** Its defaults would keep commands for later, take a frozen server for a slow one, and give up after a timeout. */
function createRedisClient({ url, random }: Pick<RedisLinkOptions, 'url' | 'random'>) {
  const options: RedisClientOptions = {
    // That of Sentinels is none of a server: it is replaced as soon as they have answered.
    ...(isSentinelUrl(url) ? {} : { url }),
    RESP: 3,
    name: 'tickgraph',
    // Not every server knows these commands, and a user with few rights may not give them.
    disableClientInfo: true,
    maintNotifications: 'disabled',
    disableOfflineQueue: true,
    commandsQueueMaxLength: 5_000,
    pingInterval: 1_000,
    commandOptions: { timeout: 2_000 },
    socket: {
      connectTimeout: 1_000,
      socketTimeout: 2_500,
      reconnectStrategy: (retries) => Math.min(50 * 2 ** retries, MAX_RETRY_MS) * (0.5 + random() / 2),
    },
  };
  return createClient(options);
}
