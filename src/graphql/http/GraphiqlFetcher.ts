/** The part of a browser's WebSocket that is used here. */
interface BrowserSocket {
  addEventListener(type: 'open', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { readonly code: number; readonly reason: string }) => void): void;
  send(text: string): void;
  close(): void;
}

interface BrowserAnswer {
  readonly status: number;
  json(): Promise<unknown>;
}

/** The page provides these. */
export interface Browser {
  /** The address of /graphql. */
  readonly url: string;
  readonly open: (url: string, protocol: string) => BrowserSocket;
  readonly post: (url: string, headers: Headers, body: string) => Promise<BrowserAnswer>;
}

type Headers = Readonly<Record<string, string>>;

/** An operation, as GraphiQL gives it. */
export interface GraphiqlOperation {
  readonly query: string;
  readonly operationName?: string | null;
  readonly variables?: unknown;
}

interface Definition {
  readonly kind: string;
  readonly operation?: string;
  readonly name?: { readonly value: string };
}

/** GraphiQL passes these beside an operation. */
export interface GraphiqlExtras {
  /** As they stand in its editor of headers. */
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly documentAST?: { readonly definitions: readonly Definition[] };
}

interface Observer {
  next(result: unknown): void;
  complete(): void;
}

/** The results of a subscription, as GraphiQL takes them. */
export interface Results {
  subscribe(observer: Observer): { unsubscribe(): void };
}

/** The messages of graphql-transport-ws that a server sends. */
interface ServerMessage {
  readonly type: string;
  readonly payload?: unknown;
}

/** The answer to a query that the page itself asks. */
interface GatewayAnswer {
  readonly data?: {
    readonly brokers?: readonly {
      readonly id: string;
      readonly state: string;
      readonly synthetic: boolean;
      readonly requiresAuthentication: boolean;
      readonly authenticated: boolean;
      readonly supportedTypes: readonly string[];
    }[];
    readonly instruments?: { readonly edges: readonly { readonly node: { readonly symbol: string } }[] };
  } | null;
  readonly errors?: readonly { readonly message: string }[];
}

/**
 * Executes GraphiQL's operations: queries and mutations over HTTP, each subscription over a WebSocket of its own, with the
 * headers of its editor in both ways. A browser can't send headers with a WebSocket, so they go with connection_init. If a
 * socket is refused, the reason is shown in place of a result.
 *
 * The text of this class is put into the page, so it uses nothing but what it is given.
 */
export class GraphiqlFetcher {
  readonly #browser: Browser;
  /** The visitor's login, which is kept here and nowhere else. The editor's headers go before it. */
  #login: Headers = {};

  constructor(browser: Browser) {
    this.#browser = browser;
  }

  execute(operation: GraphiqlOperation, extras: GraphiqlExtras = {}): Results | Promise<unknown> {
    const entries = Object.entries(extras.headers ?? {});
    const edited = Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), String(value)]));
    const isLogin = ['authorization', 'x-api-key'].some((name) => name in edited);
    const headers = isLogin ? edited : { ...this.#login, ...edited };
    if (!this.#isSubscription(operation, extras)) return this.#ask(operation, headers);
    return { subscribe: (observer) => this.#subscribe({ operation, headers, observer }) };
  }

  /** Null if the gateway lets the visitor in; otherwise what it says, for the form that asks for a login. */
  async refusal(): Promise<string | null> {
    const { errors } = await this.#answer({ query: '{ __typename }' });
    return errors?.[0]?.message ?? null;
  }

  /** Logs in with an API key or a token. Resolves with null, or with the reason why it failed; then nothing is kept. */
  async logIn(secret: string): Promise<string | null> {
    const isToken = /^ey[\w-]+\.[\w-]+\.[\w-]*$/.test(secret);
    const login = isToken ? { authorization: `Bearer ${secret}` } : { 'x-api-key': secret };
    this.#login = login;
    try {
      const refusal = await this.refusal();
      if (refusal !== null) this.#login = {};
      return refusal;
    } catch {
      this.#login = {};
      return 'The gateway could not be asked, or the text can not be a login.';
    }
  }

  /** A broker that gives data at once and a symbol of it, a real venue before a made-up one; null if none does. */
  async bestFeed(): Promise<{ readonly broker: string; readonly symbol: string } | null> {
    const query =
      'query ($search: String, $broker: ID!) { instruments(broker: $broker, search: $search, first: 1) { edges { node { symbol } } } }';
    const symbolOf = async (broker: string, search: string): Promise<string | undefined> => {
      const { data } = await this.#answer({ query, variables: { broker, search } });
      return data?.instruments?.edges[0]?.node.symbol;
    };
    const listed = await this.#answer({
      query: '{ brokers { id state synthetic requiresAuthentication authenticated supportedTypes } }',
    });
    const able = (listed.data?.brokers ?? []).filter(
      ({ state, requiresAuthentication, authenticated, supportedTypes }) =>
        state === 'CONNECTED' &&
        (!requiresAuthentication || authenticated) &&
        ['TICK', 'ORDERBOOK', 'CANDLE'].every((type) => supportedTypes.includes(type)),
    );
    const best = able.find(({ synthetic }) => !synthetic) ?? able[0];
    if (best === undefined) return null;
    const symbol = (await symbolOf(best.id, 'BTCUSDT')) ?? (await symbolOf(best.id, ''));
    return symbol === undefined ? null : { broker: best.id, symbol };
  }

  async #answer(operation: GraphiqlOperation): Promise<GatewayAnswer> {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the gateway's own answer
    return (await this.#ask(operation, this.#login)) as GatewayAnswer;
  }

  #isSubscription({ operationName }: GraphiqlOperation, { documentAST }: GraphiqlExtras): boolean {
    const operations = documentAST?.definitions.filter(({ kind }) => kind === 'OperationDefinition') ?? [];
    const named = operations.find(({ name }) => name?.value === operationName);
    return (named ?? operations[0])?.operation === 'subscription';
  }

  async #ask(operation: GraphiqlOperation, headers: Headers): Promise<unknown> {
    const always = {
      accept: 'application/graphql-response+json, application/json',
      'content-type': 'application/json',
    };
    const answer = await this.#browser.post(this.#browser.url, { ...headers, ...always }, JSON.stringify(operation));
    return answer.json();
  }

  #subscribe(subscription: {
    readonly operation: GraphiqlOperation;
    readonly headers: Headers;
    readonly observer: Observer;
  }): { unsubscribe(): void } {
    const { operation, headers, observer } = subscription;
    const socket = this.#browser.open(this.#browser.url.replace(/^http/, 'ws'), 'graphql-transport-ws');
    let state: 'opening' | 'admitted' | 'over' = 'opening';
    const end = (): void => {
      state = 'over';
      socket.close();
    };
    const write = (message: object): void => {
      socket.send(JSON.stringify(message));
    };
    socket.addEventListener('open', () => {
      const session = headers['x-session'];
      write({ type: 'connection_init', payload: session === undefined ? headers : { ...headers, session } });
    });
    socket.addEventListener('message', ({ data }) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the gateway's own message
      const { type, payload } = JSON.parse(String(data)) as ServerMessage;
      if (type === 'connection_ack') {
        state = 'admitted';
        write({ id: '1', type: 'subscribe', payload: operation });
      } else if (type === 'ping') write({ type: 'pong' });
      else if (type === 'next') observer.next(payload);
      else if (type === 'error' || type === 'complete') {
        if (type === 'error') observer.next({ errors: payload });
        end();
        observer.complete();
      }
    });
    socket.addEventListener('close', (closed) => {
      if (state !== 'over') void this.#explain({ closed, headers, observer, wasAdmitted: state === 'admitted' });
      state = 'over';
    });
    return { unsubscribe: end };
  }

  /** Shows why the gateway closed the socket, or the browser could not open it. */
  async #explain(refusal: {
    readonly closed: { readonly code: number; readonly reason: string };
    readonly headers: Headers;
    readonly observer: Observer;
    readonly wasAdmitted: boolean;
  }): Promise<void> {
    const { closed, headers, observer, wasAdmitted } = refusal;
    const errors = wasAdmitted ? [] : await this.#refusals(headers).catch(() => []);
    const reason = closed.reason === '' ? '' : `: ${closed.reason}`;
    const hint =
      !wasAdmitted && closed.code === 1006
        ? ' A proxy in front of the gateway has to pass on Upgrade, Connection and Host (with its port).'
        : '';
    observer.next({
      errors:
        errors.length > 0 ? errors : [{ message: `The WebSocket was closed with ${closed.code}${reason}.${hint}` }],
    });
    observer.complete();
  }

  /** A browser keeps the answer to a refused WebSocket from its page, so the page asks again over HTTP. */
  async #refusals(headers: Headers): Promise<readonly unknown[]> {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the gateway's own answer
    const asked = (await this.#ask({ query: '{ __typename }' }, headers)) as { readonly errors?: readonly unknown[] };
    if (asked.errors !== undefined) return asked.errors;
    const answer = await this.#browser.post(new URL('ws', this.#browser.url).href, {}, '');
    if (answer.status === 426) return [];
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the gateway's own answer
    const { error } = (await answer.json()) as { readonly error?: unknown };
    return error === undefined ? [] : [error];
  }
}
