import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Services } from '../core/Services.ts';
import { ByteBudget } from '../fanout/ByteBudget.ts';
import type { Heartbeats } from '../fanout/Heartbeats.ts';
import type { DeliveryMeter } from '../fanout/DeliveryMeter.ts';
import { Outbox } from '../fanout/Outbox.ts';
import type { Way } from '../fanout/Outbox.ts';
import { assertNever } from '../shared/assertNever.ts';
import type { MarketData } from '../market/marketData.ts';
import { GatewayError } from '../shared/errors.ts';
import { logFault } from '../shared/logFault.ts';
import type { Logger } from '../shared/logger.ts';
import { randomId } from '../shared/random.ts';
import { BURST_SECONDS } from '../shared/TokenBucket.ts';
import { logInFirst } from './ClientIdentity.ts';
import type { ClientIdentity } from './ClientIdentity.ts';
import { ClientSubscriptions } from './ClientSubscriptions.ts';
import { CommandQueue } from './CommandQueue.ts';
import { encodeEvent } from './encodeEvent.ts';
import { MessageGuard } from './MessageGuard.ts';
import { encodeError, encodeStatus } from './messages.ts';
import type {
  AuthenticateMessage,
  ClientMessage,
  ErrorContext,
  LogInMessage,
  MessageId,
  SubscribeMessage,
  UnsubscribeMessage,
} from './messages.ts';
import { parseClientMessage } from './parseClientMessage.ts';
import { describeOutcome, refusalOfAll, toRejectedSymbols } from './subscribeOutcome.ts';

export interface ClientConnectionOptions {
  readonly socket: WebSocket;
  /** The connection owns it from now on. */
  readonly identity: ClientIdentity;
  readonly services: Services;
  /** The connection beneath the socket. */
  readonly stream: Duplex;
  readonly meter: DeliveryMeter;
  /** As Outbox has it. */
  readonly compressFromBytes: number | null;
  readonly heartbeats: Heartbeats;
}

const ENDS_SOON = 'Your login ends soon: send auth with a new one.';
/** Every client is told alike. */
const WAY: Way = { encoder: { isShared: true, encode: encodeEvent }, id: null };
/** To whom sends faster than its messages can be executed. */
const BUSY_RETRY_MS = 1_000;
/** So many messages may wait for their turn, and in any case as many as may come at once. */
const LEAST_WAITING = 64;
const WELCOME = 'Welcome. Subscribe to market data with {"action":"subscribe","symbols":["…"]}.';
const WELCOME_STRANGER = 'Welcome. Log in with {"action":"auth","credentials":{"token":"…"}} within 10 seconds.';

/**
 * One client of the raw JSON protocol. Its messages are executed in the order they came; all it is sent goes through one
 * outbox. Owned by RawProtocol; when its socket closes nothing of it is left.
 */
export class ClientConnection {
  readonly #options: ClientConnectionOptions;
  readonly #budget: ByteBudget;
  readonly #outbox: Outbox;
  readonly #guard: MessageGuard;
  readonly #commands: CommandQueue;
  readonly #subscriptions: ClientSubscriptions;
  readonly #closed = Promise.withResolvers<void>();
  readonly #heartbeat: Disposable;
  readonly #id = randomId();
  #gone = false;

  constructor(options: ClientConnectionOptions) {
    this.#options = options;
    const { socket, identity, services, stream, meter } = options;
    const { access } = identity;
    const { clock, metrics } = services;
    this.#commands = new CommandQueue(() => services.turns.turn(identity.asker));
    this.#guard = new MessageGuard({
      clock,
      get limits() {
        return identity.limits;
      },
    });
    this.#budget = new ByteBudget(identity.limits.queueBytesPerConnection);
    this.#outbox = new Outbox({
      socket,
      stream,
      turn: services.turn,
      compressFromBytes: options.compressFromBytes,
      budget: this.#budget,
      clock,
      meter,
      metrics,
      protocol: 'raw',
      lastWords: (error) => {
        logFault(this.#logger(), error, 'a client could not be told its market data');
        return encodeError(error);
      },
    });
    this.#subscriptions = new ClientSubscriptions({
      services,
      access,
      get asker() {
        return identity.asker;
      },
      get limits() {
        return identity.limits;
      },
      deliver: (delivery) => {
        this.#outbox.deliver(delivery, WAY);
      },
    });
    this.#heartbeat = options.heartbeats.add(socket);
    this.#listen(socket);
    metrics.connections.inc({ protocol: 'raw' });
    this.#logger().debug('client connected');
    const message = identity.mustLogIn ? WELCOME_STRANGER : WELCOME;
    void this.#outbox.send(encodeStatus({ type: 'status', status: 'connected', message }));
    identity.begin({
      endsSoon: (expiresAt) => {
        void this.#outbox.send(
          encodeStatus({ type: 'status', status: 'authenticated', expiresAt, message: ENDS_SOON }),
        );
      },
      over: (reason) => {
        this.close(1008, reason);
      },
    });
  }

  /** Resolves when the socket is closed and everything that served it is gone. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  close(code: number, reason: string): void {
    this.#outbox.close(code, reason);
  }

  #listen(socket: WebSocket): void {
    socket.on('message', (data, isBinary) => {
      if (socket.readyState !== socket.OPEN) return;
      if (Buffer.isBuffer(data) && !isBinary) this.#receive(data.toString('utf8'));
      else this.#refuseBinary();
    });
    socket.on('error', (error: Error & { readonly code?: unknown }) => {
      // A frame that breaks the WebSocket protocol or the size limit: the library closes with the code for it.
      if (typeof error.code === 'string' && error.code.startsWith('WS_ERR')) this.#countInvalid();
      this.#logger().debug({ code: error.code }, 'socket error');
    });
    socket.once('close', (code) => {
      this.#leave(code);
    });
  }

  #receive(text: string): void {
    const refusal = this.#guard.admit();
    const { id, message, error } = parseClientMessage(text);
    if (message === undefined) this.#refuse(id, error, true);
    else if (refusal !== null) this.#refuse(id, refusal.error, refusal.abuse);
    else if (!this.#enqueue(() => this.#execute(id, message))) this.#refuse(id, busy(), false);
  }

  #refuseBinary(): void {
    this.#countInvalid();
    this.close(1003, 'Binary frames are not understood; send JSON as text.');
  }

  /** Nothing happens but the answer, in its turn; too many bad messages end the connection. */
  #refuse(id: MessageId | undefined, error: GatewayError, bad: boolean): void {
    if (bad) this.#countInvalid();
    const tooMany = bad && !this.#guard.countBad();
    if (tooMany || !this.#enqueue(() => this.#answerError(error, { id }))) void this.#answerError(error, { id });
    if (tooMany) this.close(1008, 'Too many bad messages within a minute.');
  }

  /** False where too many wait already. */
  #enqueue(command: () => Promise<void>): boolean {
    const { messagesPerSecond } = this.#options.identity.limits;
    return this.#commands.add(command, Math.max(LEAST_WAITING, BURST_SECONDS * messagesPerSecond));
  }

  #countInvalid(): void {
    this.#options.services.metrics.invalidMessages.inc({ source: 'raw' });
  }

  /** One client message is an edge: whatever goes wrong with it is told to this client and ends nothing else. */
  async #execute(id: MessageId | undefined, message: ClientMessage): Promise<void> {
    if (this.#gone) return;
    try {
      await this.#perform(id, message);
    } catch (thrown) {
      const broker = 'broker' in message ? (message.broker ?? undefined) : undefined;
      await this.#answerError(GatewayError.from(thrown), { id, broker });
    }
  }

  #perform(id: MessageId | undefined, message: ClientMessage): Promise<void> {
    if (this.#options.identity.mustLogIn && message.action !== 'logIn') throw logInFirst();
    switch (message.action) {
      case 'subscribe':
        return this.#subscribe(id, message);
      case 'unsubscribe':
        return this.#unsubscribe(id, message);
      case 'list':
        return this.#list(id);
      case 'ping':
        return this.#outbox.send(encodeStatus({ type: 'status', id, status: 'pong' }));
      case 'authenticate':
        return this.#authenticate(id, message);
      case 'logIn':
        return this.#logIn(id, message);
      default:
        return assertNever(message);
    }
  }

  async #subscribe(id: MessageId | undefined, message: SubscribeMessage): Promise<void> {
    const { identity, services } = this.#options;
    const { access, limits } = identity;
    const { accepted, rejected } = await services.subscriptions.resolve(message, access, limits.symbolsPerSubscription);
    if (this.#gone) return;
    if (accepted.length === 0) {
      const context = { id, broker: message.broker ?? undefined, rejected: toRejectedSymbols(rejected) };
      await this.#answerError(refusalOfAll(rejected), context);
      return;
    }
    const held = this.#subscriptions.hold(accepted, message);
    const answered = this.#outbox.send(encodeStatus({ ...describeOutcome({ accepted, rejected }, message), id }));
    held.begin();
    await answered;
  }

  async #authenticate(id: MessageId | undefined, { broker, credentials }: AuthenticateMessage): Promise<void> {
    const { session, expiresAt } = await this.#options.identity.authenticate(broker, credentials);
    const message = `Broker ${broker} accepts your credentials.`;
    await this.#outbox.send(
      encodeStatus({ type: 'status', id, status: 'authenticated', broker, session, expiresAt, message }),
    );
  }

  async #logIn(id: MessageId | undefined, { login }: LogInMessage): Promise<void> {
    const { identity } = this.#options;
    const outcome = await identity.logIn(login);
    this.#budget.limit = identity.limits.queueBytesPerConnection;
    await this.#outbox.send(encodeStatus({ type: 'status', id, status: 'authenticated', ...outcome }));
  }

  #unsubscribe(id: MessageId | undefined, message: UnsubscribeMessage): Promise<void> {
    const released = this.#subscriptions.release(message);
    const gone = new Set(released.map(nameOf));
    this.#outbox.withdraw((event) => gone.has(nameOf(event)));
    const symbols = [...new Set(released.map(({ symbol }) => symbol))];
    return this.#outbox.send(
      encodeStatus({
        type: 'status',
        id,
        status: 'unsubscribed',
        broker: message.broker ?? undefined,
        symbols,
        ...(message.types === null ? {} : { types: message.types }),
        message: symbols.length === 0 ? 'There was nothing to unsubscribe from.' : 'Unsubscribed.',
      }),
    );
  }

  #list(id: MessageId | undefined): Promise<void> {
    const subscriptions = this.#subscriptions.list();
    return this.#outbox.send(encodeStatus({ type: 'status', id, status: 'subscriptions', subscriptions }));
  }

  #answerError(error: GatewayError, context: ErrorContext): Promise<void> {
    const { services } = this.#options;
    services.metrics.errors.inc({ code: error.code });
    logFault(this.#logger(), error, 'a client message failed');
    return this.#outbox.send(encodeError(error, context));
  }

  /** Made when it is needed: thousands of connections have nothing to say. */
  #logger(): Logger {
    return this.#options.services.logger.child({ connection: this.#id, protocol: 'raw' });
  }

  #leave(code: number): void {
    this.#gone = true;
    this.#commands[Symbol.dispose]();
    this.#heartbeat[Symbol.dispose]();
    this.#subscriptions[Symbol.dispose]();
    this.#outbox[Symbol.dispose]();
    this.#options.identity[Symbol.dispose]();
    this.#options.services.metrics.connections.dec({ protocol: 'raw' });
    this.#logger().debug({ code }, 'client left');
    this.#closed.resolve();
  }
}

function busy(): GatewayError {
  return new GatewayError('RATE_LIMITED', 'Too many earlier messages are still being executed; this one was not.', {
    retryAfterMs: BUSY_RETRY_MS,
  });
}

/** Of a stream and of its events alike. */
function nameOf({ broker, symbol, type }: Pick<MarketData, 'broker' | 'symbol' | 'type'>): string {
  return JSON.stringify([broker, symbol, type]);
}
