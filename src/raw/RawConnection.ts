import type { WebSocket } from 'ws';
import { messageRate } from '../core/client.ts';
import type { ConnectedClient } from '../core/ConnectedClient.ts';
import type { LoginEvidence } from '../core/login/loginEvidence.ts';
import type { Services } from '../core/Services.ts';
import { ByteBudget } from '../fanout/client/PendingEvents.ts';
import { Inbox, MinuteCount } from '../fanout/client/Inbox.ts';
import type { ServedConnection, UpgradedSocket } from '../fanout/client/SocketServer.ts';
import type { DeliveryMeter } from '../shared/metrics.ts';
import { POLICY_VIOLATION, TRY_AGAIN_LATER, UNSUPPORTED_DATA } from '../fanout/client/closeReason.ts';
import { Outbox } from '../fanout/client/Outbox.ts';
import type { OperationTarget } from '../fanout/client/outboxOptions.ts';
import type { MarketData } from '../market/marketData.ts';
import { fromEpochMs } from '../market/timestamp.ts';
import { assertNever, GatewayError } from '../shared/errors.ts';
import { logFault } from '../shared/logger.ts';
import type { Logger } from '../shared/logger.ts';
import { randomId } from '../shared/random.ts';
import { ClientSubscriptions } from './ClientSubscriptions.ts';
import {
  describeOutcome,
  encodeError,
  encodeEvent,
  encodeStatus,
  refusalOfAll,
  toRejectedSymbols,
} from './messages.ts';
import type {
  AuthenticateMessage,
  ClientMessage,
  ErrorContext,
  LogInMessage,
  MessageId,
  StatusReply,
  SubscribeMessage,
  UnsubscribeMessage,
} from './messages.ts';
import { parseClientMessage } from './parseClientMessage.ts';
import type { ParsedMessage } from './parseClientMessage.ts';

export interface RawConnectionOptions extends UpgradedSocket {
  /** The connection owns the client from now on. */
  readonly client: ConnectedClient;
  readonly services: Services;
  readonly meter: DeliveryMeter;
}

const PROTOCOL = 'raw';
/** A client that has to log in, and did not do so with the handshake, has this long for it. */
const LOG_IN_WITHIN_MS = 10_000;
/** Every client gets the same messages. */
const TARGET: OperationTarget = { encoder: { isShared: true, encode: encodeEvent }, id: null };
const ENDS_SOON = 'Your login ends soon: send auth with a new one.';
const LOGIN_ENDED = 'Your login has ended; connect again with a new one.';
const WELCOME = 'Welcome. Subscribe to market data with {"action":"subscribe","symbols":["…"]}.';
const WELCOME_STRANGER = 'Welcome. Log in with {"action":"auth","credentials":{"token":"…"}} within 10 seconds.';

/**
 * One client of the raw JSON protocol. Its messages go through an inbox, which handles them in order, and everything
 * that it is sent through an outbox. When its socket closes, nothing of it is left.
 */
export class RawConnection implements ServedConnection {
  readonly #options: RawConnectionOptions;
  readonly #budget: ByteBudget;
  readonly #inbox: Inbox<ParsedMessage>;
  readonly #outbox: Outbox;
  readonly #invalid: MinuteCount;
  readonly #subscriptions: ClientSubscriptions;
  readonly #closed = Promise.withResolvers<void>();
  /** Disposed of when the socket has closed. */
  readonly #owned = new DisposableStack();
  /** Runs while the client still has to log in. */
  #patience: Disposable | null = null;
  readonly #id = randomId();
  #gone = false;

  constructor(options: RawConnectionOptions) {
    this.#options = options;
    const { socket, client, services, stream, meter, heartbeats } = options;
    const { clock, metrics } = services;
    this.#invalid = new MinuteCount(clock);
    this.#budget = new ByteBudget(client.limits.queueBytesPerConnection);
    this.#inbox = new Inbox({
      socket,
      clock,
      budget: this.#budget,
      rate: () => messageRate(client.limits),
      handle: (received) => this.#handle(received),
      onOverload: () => {
        this.close(TRY_AGAIN_LATER, 'Too many messages; try again later.');
      },
    });
    this.#outbox = new Outbox({
      socket,
      stream,
      scheduler: services.scheduler,
      compressFromBytes: options.compressFromBytes,
      budget: this.#budget,
      clock,
      meter,
      metrics,
      protocol: PROTOCOL,
      finalMessage: (error) => {
        logFault(this.#logger(), error, 'a client could not be sent its market data');
        return encodeError(error);
      },
    });
    this.#subscriptions = new ClientSubscriptions({
      services,
      client,
      outbox: this.#owned.use(this.#outbox.open(TARGET)),
    });
    this.#owned.use(client);
    this.#owned.use(this.#outbox);
    this.#owned.use(this.#subscriptions);
    this.#owned.use(heartbeats.add(socket));
    this.#owned.use(this.#inbox);
    this.#listen(socket);
    metrics.connections.inc({ protocol: PROTOCOL });
    this.#logger().debug('client connected');
    const message = client.mustLogIn ? WELCOME_STRANGER : WELCOME;
    void this.#outbox.send(encodeStatus({ type: 'status', status: 'connected', message }));
    this.#watchLogin(client);
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  close(code: number, reason: string): void {
    this.#inbox[Symbol.dispose]();
    this.#outbox.close(code, reason);
  }

  finish(code: number, reason: string): void {
    this.#inbox[Symbol.dispose]();
    this.#outbox.finish(code, reason);
  }

  #watchLogin(client: ConnectedClient): void {
    client.watchLogin({
      endsSoon: (endsAtMs) => {
        const expiresAt = fromEpochMs(endsAtMs);
        void this.#outbox.send(
          encodeStatus({ type: 'status', status: 'authenticated', expiresAt, message: ENDS_SOON }),
        );
      },
      ended: () => {
        this.close(POLICY_VIOLATION, LOGIN_ENDED);
      },
    });
    if (!client.mustLogIn) return;
    this.#patience = this.#options.services.clock.after(LOG_IN_WITHIN_MS, () => {
      this.close(POLICY_VIOLATION, `Nobody logged in within ${LOG_IN_WITHIN_MS / 1_000} seconds.`);
    });
  }

  #listen(socket: WebSocket): void {
    socket.on('message', (data, isBinary) => {
      if (socket.readyState !== socket.OPEN) return;
      if (Buffer.isBuffer(data) && !isBinary) {
        const text = data.toString('utf8');
        this.#inbox.add(parseClientMessage(text), text.length);
      } else {
        this.#refuseBinary();
      }
    });
    socket.on('error', (error: Error & { readonly code?: unknown }) => {
      // A frame broke the WebSocket protocol or the size limit. The library closes the connection with the code for it.
      if (typeof error.code === 'string' && error.code.startsWith('WS_ERR')) this.#countInvalid();
      this.#logger().debug({ code: error.code }, 'socket error');
    });
    socket.once('close', (code) => {
      this.#leave(code);
    });
  }

  /** Never rejects. */
  async #handle({ id, message, error }: ParsedMessage): Promise<void> {
    const { client, services } = this.#options;
    await services.turns.turn(client.asker);
    if (this.#gone) return;
    if (message === undefined) await this.#refuse(id, error);
    else await this.#execute(id, message);
  }

  #refuseBinary(): void {
    this.#countInvalid();
    this.close(UNSUPPORTED_DATA, 'Binary frames are not understood; send JSON as text.');
  }

  /** A bad message has no effect except for this answer; too many of them end the connection. */
  async #refuse(id: MessageId | undefined, error: GatewayError): Promise<void> {
    this.#countInvalid();
    const isTooMany = !this.#invalid.add(this.#options.client.limits.invalidMessagesPerMinute);
    const answered = this.#answerError(error, { id });
    if (isTooMany) this.close(POLICY_VIOLATION, 'Too many bad messages within a minute.');
    await answered;
  }

  #countInvalid(): void {
    this.#options.services.metrics.invalidMessages.inc({ source: PROTOCOL });
  }

  /** A failing message is answered with an error, and affects nothing else. */
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
    if (this.#options.client.mustLogIn && message.action !== 'logIn') throw logInFirst();
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
    const { client, services } = this.#options;
    const { access, limits } = client;
    this.#budget.limit = limits.queueBytesPerConnection;
    const { accepted, rejected } = await services.subscriptions.resolve(message, access, limits.symbolsPerSubscription);
    if (this.#gone) return;
    if (accepted.length === 0) {
      const context = { id, broker: message.broker ?? undefined, rejected: toRejectedSymbols(rejected) };
      await this.#answerError(refusalOfAll(rejected), context);
      return;
    }
    const opened = this.#subscriptions.open(accepted, message);
    const isSynthetic = (broker: string): boolean => services.manager.broker(broker, access)?.synthetic === true;
    const outcome = describeOutcome({ accepted, rejected }, message, isSynthetic);
    const answered = this.#outbox.send(encodeStatus({ ...outcome, id }));
    opened.begin();
    await answered;
  }

  async #authenticate(id: MessageId | undefined, { broker, credentials }: AuthenticateMessage): Promise<void> {
    const { client, services } = this.#options;
    const { session, expiresAt } = await services.authenticator.authenticate({
      broker,
      credentials,
      session: client.session,
      client: client.address,
    });
    const message = `Broker ${broker} accepts your credentials.`;
    await this.#outbox.send(
      encodeStatus({ type: 'status', id, status: 'authenticated', broker, session, expiresAt, message }),
    );
  }

  async #logIn(id: MessageId | undefined, { login }: LogInMessage): Promise<void> {
    const outcome = login.kind === 'session' ? this.#resume(login.session) : await this.#verify(login);
    this.#budget.limit = this.#options.client.limits.queueBytesPerConnection;
    await this.#outbox.send(encodeStatus({ type: 'status', id, status: 'authenticated', ...outcome }));
  }

  async #verify(evidence: LoginEvidence): Promise<Pick<StatusReply, 'expiresAt' | 'message'>> {
    const principal = await this.#options.client.logIn(evidence);
    this.#patience?.[Symbol.dispose]();
    if (principal.kind === 'anonymous') return { message: 'This gateway asks nobody to log in.' };
    const message = 'You are logged in.';
    return principal.kind === 'jwt' ? { expiresAt: fromEpochMs(principal.expiresAtMs), message } : { message };
  }

  #resume(session: string): Pick<StatusReply, 'session' | 'expiresAt' | 'message'> {
    const { client, services } = this.#options;
    if (client.mustLogIn) throw logInFirst();
    client.resume(session);
    return { session, expiresAt: fromEpochMs(services.sessions.expiresAtMs()), message: 'The session is resumed.' };
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

  /** Made when it is needed, because thousands of connections never log anything. */
  #logger(): Logger {
    return this.#options.services.logger.child({ connection: this.#id, protocol: 'raw' });
  }

  #leave(code: number): void {
    this.#gone = true;
    this.#patience?.[Symbol.dispose]();
    this.#owned.dispose();
    this.#options.services.metrics.connections.dec({ protocol: PROTOCOL });
    this.#logger().debug({ code }, 'client left');
    this.#closed.resolve();
  }
}

function logInFirst(): GatewayError {
  return new GatewayError(
    'UNAUTHENTICATED',
    'Log in first: {"action":"auth","credentials":{"token":"…"}}, or with "apiKey" in place of "token".',
  );
}

/** A key that is the same for a stream and its events. */
function nameOf({ broker, symbol, type }: Pick<MarketData, 'broker' | 'symbol' | 'type'>): string {
  return JSON.stringify([broker, symbol, type]);
}
