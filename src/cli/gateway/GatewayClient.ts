import { createClient, CloseCode } from 'graphql-ws';
import type { Client } from 'graphql-ws';
import { WebSocket } from 'ws';
import { LOGIN_VARIABLE } from '../../config/environment.ts';
import type { Clock } from '../../shared/clock.ts';
import { isRecord } from './eventOf.ts';

/** The gateway refused a request, or the connection to it failed. */
export class GatewayFault extends Error {
  override readonly name = 'GatewayFault';
  /** It may be different at the next attempt. */
  readonly isPassing: boolean;

  constructor(message: string, isPassing: boolean) {
    super(message);
    this.isPassing = isPassing;
  }
}

export interface GatewayClientOptions {
  readonly url: string;
  /** The login of the gateway, if it wants one. */
  readonly token: string | null;
  readonly clock: Clock;
}

const ACK_MS = 10_000;
const PING_MS = 10_000;
/** A connection without an answer to a ping for so long is dead. */
const PONG_MS = 5_000;

/** One connection to a gateway, over graphql-transport-ws. It is made with the first question, and never made again. */
export class GatewayClient implements Disposable {
  readonly #client: Client;
  readonly #url: string;
  #pong: Disposable | null = null;
  /** Why the socket could not be opened, in words of the system. */
  #socketFault: string | null = null;

  constructor({ url, token, clock }: GatewayClientOptions) {
    this.#url = url;
    this.#client = createClient({
      url: socketUrl(url),
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      lazyCloseTimeout: PING_MS,
      connectionAckWaitTimeout: ACK_MS,
      keepAlive: PING_MS,
      ...(token === null ? {} : { connectionParams: { authorization: `Bearer ${token}` } }),
      on: {
        error: (error) => {
          this.#socketFault = codeOf(error);
        },
        ping: (isReceived) => {
          if (isReceived) return;
          this.#pong?.[Symbol.dispose]();
          this.#pong = clock.after(PONG_MS, () => {
            this.#client.terminate();
          });
        },
        pong: (isReceived) => {
          if (!isReceived) return;
          this.#pong?.[Symbol.dispose]();
          this.#pong = null;
        },
      },
    });
  }

  /** The data of one answer. Rejects with a GatewayFault. */
  ask(query: string, variables: Readonly<Record<string, unknown>> = {}): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      this.#run({ query, variables }, resolve, (fault) => {
        reject(fault ?? new GatewayFault('The gateway has given no answer.', true));
      });
    });
  }

  /** Resolves when the subscription has ended or the client was disposed of; rejects with a GatewayFault. */
  subscribe(
    query: string,
    variables: Readonly<Record<string, unknown>>,
    next: (data: Record<string, unknown>) => void,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#run({ query, variables }, next, (fault) => {
        if (fault === null) resolve();
        else reject(fault);
      });
    });
  }

  [Symbol.dispose](): void {
    this.#pong?.[Symbol.dispose]();
    void this.#client.dispose();
  }

  #run(
    operation: { readonly query: string; readonly variables: Readonly<Record<string, unknown>> },
    next: (data: Record<string, unknown>) => void,
    ended: (fault: GatewayFault | null) => void,
  ): void {
    let fault: GatewayFault | null = null;
    this.#client.subscribe(
      { query: operation.query, variables: { ...operation.variables } },
      {
        next: ({ data, errors }) => {
          if (errors !== undefined && errors.length > 0) fault = faultOf(errors);
          else if (data !== undefined && data !== null) next(data);
        },
        error: (problem) => {
          ended(Array.isArray(problem) ? faultOf(problem) : this.#connectionFault(problem));
        },
        complete: () => {
          ended(fault);
        },
      },
    );
  }

  #connectionFault(problem: unknown): GatewayFault {
    const code = isRecord(problem) ? problem['code'] : undefined;
    if (code === CloseCode.Forbidden || code === CloseCode.Unauthorized) {
      return new GatewayFault(
        `The gateway at ${this.#url} wants a login: set ${LOGIN_VARIABLE} to a valid token.`,
        false,
      );
    }
    if (code === CloseCode.BadRequest) return new GatewayFault('The gateway does not understand this client.', false);
    const reason =
      this.#socketFault ?? (typeof code === 'number' ? `the connection was closed with ${code}` : 'no answer');
    return new GatewayFault(`No gateway answers at ${this.#url} (${reason}).`, true);
  }
}

/** The address of a gateway's GraphQL socket. Throws a TypeError if the text is no URL. */
export function socketUrl(text: string): string {
  const url = new URL(text);
  url.protocol = url.protocol.replace('http', 'ws');
  url.pathname = `${url.pathname.replace(/\/(?:graphql|ws)?$/, '')}/graphql`;
  return url.href;
}

function faultOf(errors: readonly unknown[]): GatewayFault {
  const [first] = errors;
  const extensions = isRecord(first) ? first['extensions'] : undefined;
  const message = isRecord(first) ? String(first['message']) : 'The gateway has refused this.';
  return new GatewayFault(message, isRecord(extensions) && extensions['retryable'] === true);
}

function codeOf(error: unknown): string | null {
  const cause = isRecord(error) && isRecord(error['error']) ? error['error'] : error;
  if (!isRecord(cause)) return null;
  if (typeof cause['code'] === 'string') return cause['code'];
  return typeof cause['message'] === 'string' ? cause['message'] : null;
}
