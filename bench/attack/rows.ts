import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';

/** The gateway, as an attacker sees it. */
export interface Target {
  readonly http: string;
}

export interface Row {
  /** Chooses the row on the command line. The name of an attack that stays within the limits ends in `-within`. */
  readonly name: string;
  readonly what: string;
  /** Goes on until the process is ended. */
  readonly attack: (target: Target) => Promise<void>;
  /** Environment variables of the gateway besides the usual ones. */
  readonly env?: Readonly<Record<string, string>>;
  /** The number of file descriptors that the gateway may have open. */
  readonly maxFiles?: number;
  /** Stops the gateway for this long during the attack. */
  readonly suspendMs?: number;
}

const FIELDS =
  'broker symbol type time receivedAt sequence cursor interval openTime closeTime open high low close volume tradeCount closed';
const LONG = 'x'.repeat(60_000);
const ALIASES = 30;

function candles(aliases: number, limit: number, fields = FIELDS): string {
  const each = Array.from(
    { length: aliases },
    (_, n) =>
      `a${n}: candles(broker: "mock-binance", symbol: "S1", interval: ONE_SECOND, limit: ${limit}) { ${fields} }`,
  );
  return `{ ${each.join(' ')} }`;
}

const WHOLE = candles(ALIASES, 5_000);
/** The most that the default limit allows. */
const MOST = candles(1, 5_000);

async function socket(url: string, protocol?: string): Promise<WebSocket> {
  const opened = new WebSocket(url.replace(/^http/, 'ws'), protocol);
  opened.on('error', () => undefined);
  await new Promise((resolve) => {
    opened.once('open', resolve);
    opened.once('close', resolve);
  });
  return opened;
}

async function graphqlSocket({ http }: Target): Promise<WebSocket> {
  const opened = await socket(`${http}/graphql`, 'graphql-transport-ws');
  opened.send('{"type":"connection_init"}');
  await new Promise((resolve) => {
    opened.once('message', resolve);
    opened.once('close', resolve);
  });
  return opened;
}

function subscribe(opened: WebSocket, id: string, query: string, variables?: object): void {
  if (opened.readyState === opened.OPEN)
    opened.send(JSON.stringify({ id, type: 'subscribe', payload: { query, variables } }));
}

/** Repeats an attack, with a new socket whenever the old one was closed. */
async function onSocket(
  target: Target,
  reads: boolean,
  each: (opened: WebSocket, n: number) => Promise<void>,
): Promise<void> {
  let opened = await graphqlSocket(target);
  if (!reads) opened.pause();
  for (let n = 0; ; n += 1) {
    if (opened.readyState !== opened.OPEN) {
      await sleep(100);
      opened = await graphqlSocket(target);
      if (!reads) opened.pause();
    }
    await each(opened, n);
  }
}

function post(
  { http }: Target,
  query: string,
  { reads = true, accept = 'application/json', agent = new Agent() } = {},
): Promise<void> {
  return new Promise((resolve) => {
    const body = JSON.stringify({ query });
    const headers = { 'content-type': 'application/json', accept, 'content-length': Buffer.byteLength(body) };
    const sent = request(`${http}/graphql`, { method: 'POST', agent, headers }, (response) => {
      response.on('error', () => undefined);
      if (reads) response.resume();
      response.once('close', resolve);
    });
    sent.once('error', () => {
      resolve();
    });
    sent.end(body);
  });
}

async function raw({ http }: Target, message: (n: number) => object, perSecond: number): Promise<void> {
  let opened = await socket(`${http}/ws`);
  for (let n = 0; ; n += 1) {
    if (opened.readyState !== opened.OPEN) opened = await socket(`${http}/ws`);
    if (opened.readyState === opened.OPEN) opened.send(JSON.stringify(message(n)));
    await sleep(1_000 / perSecond);
  }
}

const times = <T>(count: number, make: (n: number) => Promise<T>): Promise<unknown> =>
  Promise.all(Array.from({ length: count }, (_, n) => make(n)));

export const ROWS: readonly Row[] = [
  {
    name: 'unread-answers',
    what: 'a socket that never reads: 30 aliases of 5,000 candles, 20 a second',
    attack: (target) =>
      onSocket(target, false, async (opened, n) => {
        subscribe(opened, String(n), WHOLE);
        await sleep(50);
      }),
  },
  {
    name: 'unread-answers-within',
    what: 'twenty sockets that never read: 5,000 candles, 20 a second each',
    attack: async (target) => {
      await times(20, () =>
        onSocket(target, false, async (opened, n) => {
          subscribe(opened, String(n), MOST);
          await sleep(50);
        }),
      );
    },
  },
  {
    name: 'large-answers',
    what: '30 aliases of 5,000 candles, eight queries at once over HTTP',
    attack: async (target) => {
      await times(8, async () => {
        for (;;) await post(target, WHOLE);
      });
    },
  },
  {
    name: 'large-answers-within',
    what: 'a hundred at a time of 5,000 candles over HTTP, half of them never read',
    attack: async (target) => {
      await times(100, async (n) => {
        for (;;) await post(target, MOST, { reads: n % 2 === 0 });
      });
    },
  },
  {
    name: 'long-names',
    what: 'an alias of 60 KB for each of 5,000 candles',
    attack: (target) =>
      onSocket(target, true, async (opened, n) => {
        subscribe(opened, String(n), candles(1, 5_000, `${LONG}: open`));
        await sleep(50);
      }),
  },
  {
    name: 'long-names-within',
    what: 'books of 1,000 levels under names of 128 characters, 100 sockets, half of them never read',
    attack: async (target) => {
      const name = 'n'.repeat(127);
      const levels = `{ ${name}p: price ${name}s: size }`;
      const query = `subscription { marketData(broker: "mock-binance", symbols: ["S1", "S2", "S3", "S4"], types: [ORDERBOOK], options: { depth: 1000 }) { ... on OrderBook { bids ${levels} asks ${levels} } } }`;
      await times(100, async (n) => {
        const opened = await graphqlSocket(target);
        if (n % 2 === 1) opened.pause();
        for (let id = 0; id < 8; id += 1) subscribe(opened, String(id), query);
        await new Promise((resolve) => opened.once('close', resolve));
      });
    },
  },
  {
    name: 'short-subscriptions',
    what: 'short subscriptions with aliases of 60 KB, ended at once',
    attack: (target) =>
      onSocket(target, true, async (opened, n) => {
        const query = `subscription { marketData(broker: "mock-binance", symbols: ["S1"]) { a${n}${LONG}: time } }`;
        subscribe(opened, String(n), query);
        await sleep(60);
        if (opened.readyState === opened.OPEN) opened.send(JSON.stringify({ id: String(n), type: 'complete' }));
      }),
  },
  {
    name: 'short-subscriptions-within',
    what: 'ten sockets with a new document each time, of 30 names of 128 characters, and comments of 50 KB',
    attack: async (target) => {
      await times(10, (which) =>
        onSocket(target, true, async (opened, n) => {
          const name = (m: number): string => `n${which}_${n}_${m}_${'x'.repeat(100)}`;
          const fields = Array.from({ length: ALIASES }, (_, m) => `${name(m)}: time`).join(' ');
          subscribe(
            opened,
            String(n),
            `subscription { marketData(broker: "mock-binance", symbols: ["S1"]) { ${fields} } } # ${LONG.slice(10_000)}`,
          );
          await sleep(60);
          if (n >= 20 && opened.readyState === opened.OPEN)
            opened.send(JSON.stringify({ id: String(n - 20), type: 'complete' }));
        }),
      );
    },
  },
  {
    name: 'mistyped-symbols',
    what: 'ten raw sockets, 200 mistyped symbols in each of 40 messages a second',
    attack: async (target) => {
      const typo = (n: number): string => `${'QWERTZUIOP'[n % 10] ?? ''}S${n}USTD`;
      const message = {
        action: 'subscribe',
        broker: 'mock-binance',
        symbols: Array.from({ length: 200 }, (_, n) => typo(n)),
      };
      await times(10, () => raw(target, () => message, 40));
    },
  },
  {
    name: 'many-symbols',
    what: 'ten GraphQL sockets, 200 symbols of every type opened and ended, 20 times a second',
    attack: async (target) => {
      const symbols = Array.from({ length: 200 }, (_, n) => `S${n + 1}`);
      const query = `subscription ($s: [String!]!) { marketData(broker: "mock-binance", symbols: $s, types: [TICK, TRADE, CANDLE, ORDERBOOK, STATUS]) { symbol } }`;
      await times(10, () =>
        onSocket(target, true, async (opened, n) => {
          subscribe(opened, String(n), query, { s: symbols });
          await sleep(50);
          if (opened.readyState === opened.OPEN) opened.send(JSON.stringify({ id: String(n), type: 'complete' }));
        }),
      );
    },
  },
  {
    name: 'venue-books',
    what: 'seven messages that subscribe to 1,400 books of the venue',
    attack: async (target) => {
      const books = (n: number): object => ({
        action: 'subscribe',
        broker: 'binance',
        symbols: Array.from({ length: 200 }, (_, m) => `GEN${n * 200 + m + 1}USDT`),
        types: ['orderbook'],
      });
      const opened = await socket(`${target.http}/ws`);
      for (let n = 0; n < 7; n += 1) opened.send(JSON.stringify(books(n)));
      await new Promise((resolve) => opened.once('close', resolve));
    },
  },
  {
    name: 'authentications',
    what: 'authenticateBroker with the credentials of the mock, as often as possible',
    attack: async (target) => {
      const query =
        'mutation { authenticateBroker(broker: "mock-oanda", credentials: { token: "mock-token", accountId: "mock-account" }) { session } }';
      const agent = new Agent({ keepAlive: true, maxSockets: 16 });
      await times(16, async () => {
        for (;;) await post(target, query, { agent });
      });
    },
  },
  {
    name: 'event-streams',
    what: 'streams of events under limits of 16 and 20, with a space in the Accept header',
    env: { TICKGRAPH_LIMITS__CONNECTIONS_PER_ADDRESS: '16', TICKGRAPH_LIMITS__CONNECTIONS: '20' },
    attack: async (target) => {
      const query = 'subscription { marketData(broker: "mock-binance", symbols: ["S1"]) { time } }';
      await times(300, async () => {
        for (;;) {
          await post(target, query, { accept: 'text /event-stream' });
          await sleep(200);
        }
      });
    },
  },
  {
    name: 'deep-nesting',
    what: 'an unused variable, and the payload of a ping, nested 20,000 deep',
    attack: (target) =>
      onSocket(target, true, async (opened, n) => {
        const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
        const query = 'subscription { marketData(broker: \\"mock-binance\\", symbols: [\\"S1\\"]) { time } }';
        if (n % 2 === 0)
          opened.send(`{"id":"${n}","type":"subscribe","payload":{"query":"${query}","variables":{"a":${deep}}}}`);
        else opened.send(`{"type":"ping","payload":{"a":${deep}}}`);
        await sleep(60);
      }),
  },
  {
    name: 'suspension',
    what: 'the process is stopped for ten seconds, then continued',
    suspendMs: 10_000,
    attack: () => new Promise(() => undefined),
  },
  {
    name: 'idle-connections',
    what: '400 connections that send nothing, with 200 descriptors',
    maxFiles: 200,
    attack: async ({ http }) => {
      const { hostname, port } = new URL(http);
      await times(400, async () => {
        for (;;) {
          const idle = connect(Number(port), hostname);
          idle.on('error', () => undefined);
          await new Promise((resolve) => idle.once('close', resolve));
          await sleep(200);
        }
      });
    },
  },
  {
    name: 'slow-requests',
    what: 'a hundred requests whose bodies come byte by byte, and requests one after the other',
    attack: async (target) => {
      const { hostname, port } = new URL(target.http);
      await times(100, async () => {
        for (;;) {
          const slow = connect(Number(port), hostname);
          slow.on('error', () => undefined);
          slow.write(
            'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n',
          );
          const drip = setInterval(() => slow.write(' '), 500);
          await new Promise((resolve) => slow.once('close', resolve));
          clearInterval(drip);
        }
      });
    },
  },
];
