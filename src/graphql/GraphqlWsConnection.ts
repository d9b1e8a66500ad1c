import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { CloseCode, MessageType, parseMessage } from 'graphql-ws';
import type { ConnectionInitMessage, Message, SubscribeMessage } from 'graphql-ws';
import type { WebSocket } from 'ws';
import type { ClientAddress } from '../core/ClientAddress.ts';
import type { Limits } from '../core/Limits.ts';
import type { Services } from '../core/Services.ts';
import { ByteBudget } from '../fanout/ByteBudget.ts';
import type { Heartbeats } from '../fanout/Heartbeats.ts';
import { Outbox } from '../fanout/Outbox.ts';
import type { Way } from '../fanout/Outbox.ts';
import { assertNever } from '../shared/assertNever.ts';
import { GatewayError } from '../shared/errors.ts';
import { logFault } from '../shared/logFault.ts';
import type { ClientErrors } from './ClientErrors.ts';
import type { DeliveryMeter } from '../fanout/DeliveryMeter.ts';
import type { SharedShapes } from './SharedShapes.ts';
import type { ExecuteOperation } from './executeOperation.ts';
import { MessageRate } from './MessageRate.ts';
import { SocketClient } from './SocketClient.ts';
import type { SocketAdmission } from './SocketClient.ts';
import { closeOfRefusal, loginEndsSoon, socketCredentials, TRY_AGAIN_LATER } from './socketLogin.ts';
import { SocketOperations } from './SocketOperations.ts';
import { SocketWriter } from './SocketWriter.ts';
import { WaitingMessages } from './WaitingMessages.ts';
import type { ReceivedMessage } from './WaitingMessages.ts';

export interface GraphqlWsConnectionOptions {
  readonly socket: WebSocket;
  /** The connection beneath it. */
  readonly stream: Duplex;
  /** That which was upgraded. Let go of once the client has said who it is. */
  readonly request: IncomingMessage;
  readonly services: Services;
  readonly execute: ExecuteOperation;
  readonly errors: ClientErrors;
  readonly meter: DeliveryMeter;
  readonly shapes: SharedShapes;
  /** As Outbox has it. */
  readonly compressFromBytes: number | null;
  readonly heartbeats: Heartbeats;
  readonly initTimeoutMs: number;
  /** Called once, when the socket has closed and nothing is left. */
  readonly onClosed: () => void;
}

type State =
  | { readonly kind: 'opened'; readonly request: IncomingMessage; readonly patience: Disposable }
  /** The client has said who it is, which is being looked at. */
  | { readonly kind: 'admitting'; readonly waiting: WaitingMessages }
  | { readonly kind: 'admitted'; readonly client: SocketClient; readonly operations: SocketOperations }
  | { readonly kind: 'closing' };

/** What a client has said of itself, and what it says meanwhile. */
interface Introduction {
  readonly payload: ConnectionInitMessage['payload'];
  readonly request: IncomingMessage;
  readonly waiting: WaitingMessages;
}

const PROTOCOL = 'graphql-ws';

/**
 * One client that speaks graphql-transport-ws (the protocol's text: PROTOCOL.md of graphql-ws, whose messages and close codes
 * these are). All that is written goes through one outbox. The server makes it; it ends with its socket and leaves neither
 * timer nor interest.
 */
export class GraphqlWsConnection {
  readonly #options: Omit<GraphqlWsConnectionOptions, 'request'>;
  readonly #address: ClientAddress;
  /** Of all that waits for this client. */
  readonly #budget: ByteBudget;
  readonly #outbox: Outbox;
  readonly #writer: SocketWriter;
  readonly #rate: MessageRate;
  /** Until the socket has closed. */
  readonly #owned = new DisposableStack();
  #state: State;
  /** The operation that the client did not read, where it is to be told so. */
  #slowId: string | null = null;

  constructor({ request, ...options }: GraphqlWsConnectionOptions) {
    this.#options = options;
    const { socket, services, heartbeats, initTimeoutMs } = options;
    const { clock, metrics, limits } = services;
    this.#address = services.clientOf(request);
    this.#rate = new MessageRate(clock);
    this.#budget = new ByteBudget(limits.queueBytesPerConnection);
    this.#outbox = new Outbox({
      socket,
      stream: options.stream,
      turn: services.turn,
      compressFromBytes: options.compressFromBytes,
      budget: this.#budget,
      clock,
      meter: options.meter,
      metrics,
      protocol: PROTOCOL,
      lastWords: (error, way) => this.#lastWords(error, way),
    });
    this.#writer = new SocketWriter(this.#outbox);
    this.#listen(socket);
    metrics.connections.inc({ protocol: PROTOCOL });
    const patience = clock.after(initTimeoutMs, () => {
      this.close(CloseCode.ConnectionInitialisationTimeout, 'Connection initialisation timeout');
    });
    this.#state = { kind: 'opened', request, patience };
    this.#owned.use(heartbeats.add(socket));
  }

  close(code: number, reason: string): void {
    this.#stop();
    this.#outbox.close(code, reason);
  }

  #listen(socket: WebSocket): void {
    // First of all: what goes wrong with a socket must find somebody.
    socket.on('error', () => {
      this.#options.services.metrics.invalidMessages.inc({ source: PROTOCOL });
    });
    socket.on('close', () => {
      this.#closed();
    });
    socket.on('message', (data, isBinary) => {
      this.#receive(data, isBinary);
    });
  }

  #receive(data: { toString(): string }, isBinary: boolean): void {
    if (this.#state.kind === 'closing') return;
    if (isBinary) {
      this.#refuse('Binary messages are not part of the protocol');
      return;
    }
    const text = data.toString();
    const { message, fault } = readMessage(text);
    if (message === undefined) {
      this.#refuse(fault);
      return;
    }
    const received: ReceivedMessage = { message, characters: text.length };
    if (message.type === MessageType.ConnectionInit) this.#begin(message);
    else if (this.#state.kind !== 'admitting') this.#admitMessage(received);
    else if (!this.#state.waiting.add(received)) {
      this.close(TRY_AGAIN_LATER, 'Too many messages before the acknowledgement; try again later');
    }
  }

  #begin({ payload }: ConnectionInitMessage): void {
    if (this.#state.kind !== 'opened') {
      this.close(CloseCode.TooManyInitialisationRequests, 'Too many initialisation requests');
      return;
    }
    const { request, patience } = this.#state;
    patience[Symbol.dispose]();
    const waiting = new WaitingMessages();
    this.#state = { kind: 'admitting', waiting };
    void this.#admit({ request, payload, waiting });
  }

  /** Never rejects. */
  async #admit({ request, payload, waiting }: Introduction): Promise<void> {
    const { services } = this.#options;
    const admission: SocketAdmission = {
      services,
      address: this.#address,
      onNotice: (expiresAtMs) => {
        this.#writer.write(loginEndsSoon(expiresAtMs));
      },
      onEnd: () => {
        this.close(CloseCode.Forbidden, 'The login has ended: connect anew with another');
      },
    };
    try {
      const client = await SocketClient.admit(admission, socketCredentials(payload, request.headers));
      this.#acknowledge(client, waiting);
    } catch (error) {
      this.#refuseLogin(error);
    }
  }

  #acknowledge(client: SocketClient, waiting: WaitingMessages): void {
    if (this.#state.kind !== 'admitting') {
      client[Symbol.dispose]();
      return;
    }
    this.#owned.use(client);
    this.#budget.limit = client.limits.queueBytesPerConnection;
    const operations = new SocketOperations({
      ...this.#options,
      client,
      writer: this.#writer,
      budget: this.#budget,
      onSlow: (id) => {
        this.#cutOff(id);
      },
    });
    this.#state = { kind: 'admitted', client, operations };
    this.#writer.write({ type: MessageType.ConnectionAck });
    for (const received of waiting.take()) this.#admitMessage(received);
  }

  #refuseLogin(thrown: unknown): void {
    if (this.#state.kind === 'closing') return;
    const { errors } = this.#options;
    const error = GatewayError.from(thrown);
    errors.count([errors.tell(error)]);
    const { code, reason } = closeOfRefusal(error);
    this.close(code, reason);
  }

  /** Obeys a message, unless it comes too soon after others. */
  #admitMessage(received: ReceivedMessage): void {
    if (this.#state.kind === 'closing') return;
    const { message } = received;
    const limits = this.#limits;
    const retryAfterMs = this.#isFree(message) ? 0 : this.#rate.take(limits);
    if (retryAfterMs === 0) this.#obey(received);
    else if (!this.#defer(message, retryAfterMs)) this.close(TRY_AGAIN_LATER, 'Too many messages; try again later');
  }

  get #limits(): Limits {
    return this.#state.kind === 'admitted' ? this.#state.client.limits : this.#options.services.limits;
  }

  /** Ending an operation is never held against a client: there are no more of these than of those it was let begin. */
  #isFree(message: Message): boolean {
    return (
      message.type === MessageType.Complete && this.#state.kind === 'admitted' && this.#state.operations.has(message.id)
    );
  }

  /** What comes too soon: an operation is refused, anything else is not obeyed. False where it is too much by now. */
  #defer(message: Message, retryAfterMs: number): boolean {
    const limits = this.#limits;
    if (message.type !== MessageType.Subscribe || this.#state.kind !== 'admitted') return this.#rate.ignored(limits);
    const told =
      `More than ${limits.messagesPerSecond} messages a second; this operation was not begun. ` +
      `Try again in ${retryAfterMs} ms.`;
    this.#state.operations.refuse(message.id, new GatewayError('RATE_LIMITED', told, { retryAfterMs }));
    return this.#rate.refused(limits);
  }

  #obey({ message, characters }: ReceivedMessage): void {
    switch (message.type) {
      case MessageType.Ping:
        this.#writer.write({ type: MessageType.Pong, ...(message.payload ? { payload: message.payload } : {}) });
        return;
      case MessageType.Pong:
        return;
      case MessageType.Subscribe:
        this.#subscribe(message, characters);
        return;
      case MessageType.Complete:
        if (this.#state.kind === 'admitted') this.#state.operations.complete(message.id);
        return;
      case MessageType.ConnectionInit:
        this.#begin(message);
        return;
      case MessageType.ConnectionAck:
      case MessageType.Next:
      case MessageType.Error:
        this.#refuse(`Messages of type ${message.type} are sent by the server only`);
        return;
      default:
        assertNever(message);
    }
  }

  #subscribe(message: SubscribeMessage, characters: number): void {
    if (this.#state.kind !== 'admitted') {
      this.close(CloseCode.Unauthorized, 'Unauthorized');
    } else if (this.#state.operations.has(message.id)) {
      this.close(CloseCode.SubscriberAlreadyExists, `Subscriber for ${message.id} already exists`);
    } else {
      this.#state.operations.begin(message, characters);
    }
  }

  /** The client did not read what may not be dropped: it is told for which operation, and closed with 1013. */
  #cutOff(id: string): void {
    if (this.#state.kind === 'closing') return;
    this.#slowId = id;
    this.#stop();
    this.#outbox.closeSlow();
  }

  #lastWords(error: GatewayError, way: Way | null): string | null {
    this.#stop();
    logFault(this.#options.services.logger, error, 'a client could not be told its market data');
    const id: unknown = way?.id ? JSON.parse(way.id.toString()) : this.#slowId;
    if (id === null) return null;
    const { message } = error;
    return JSON.stringify({
      id,
      type: MessageType.Error,
      payload: [{ message, extensions: error.toExtensions() }],
    });
  }

  #refuse(reason: string): void {
    this.#options.services.metrics.invalidMessages.inc({ source: PROTOCOL });
    this.close(CloseCode.BadRequest, reason);
  }

  /** From now on nothing that the client says counts, and nothing of its operations is told. */
  #stop(): void {
    const state = this.#state;
    this.#state = { kind: 'closing' };
    if (state.kind === 'opened') state.patience[Symbol.dispose]();
    if (state.kind === 'admitted') state.operations[Symbol.dispose]();
  }

  #closed(): void {
    this.#stop();
    this.#owned.dispose();
    this.#outbox[Symbol.dispose]();
    this.#options.services.metrics.connections.dec({ protocol: PROTOCOL });
    this.#options.onClosed();
  }
}

/** Each frame of an operation repeats its id. */
const MAX_ID_LENGTH = 4_096;
/** What is nested deeper can't be written as JSON again, as the payload of a ping has to be. */
const MAX_NESTING = 100;

type ReadMessage =
  { readonly message: Message; readonly fault?: undefined } | { readonly message?: undefined; readonly fault: string };

/** A message of the protocol, or what is wrong with it. */
function readMessage(text: string): ReadMessage {
  try {
    const message = parseMessage(text);
    if ('id' in message && message.id.length > MAX_ID_LENGTH) {
      return { fault: `The id of an operation may have ${MAX_ID_LENGTH} characters at most` };
    }
    if (message.type === MessageType.Ping && isNestedDeeper(message.payload, MAX_NESTING)) {
      return { fault: `The payload of a ping may be nested ${MAX_NESTING} levels deep at most` };
    }
    return { message };
  } catch (error) {
    // What JSON.parse says quotes what it was given.
    return { fault: error instanceof Error && !(error instanceof SyntaxError) ? error.message : 'Invalid message' };
  }
}

function isNestedDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((item) => isNestedDeeper(item, levels - 1));
}
