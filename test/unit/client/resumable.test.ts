import { describe, expect, it, vi } from 'vitest';
import { resumable } from '../../../client/index.ts';
import type { ResumableOptions } from '../../../client/index.ts';

type Json = Record<string, unknown>;

const TRADES =
  'subscription ($of: [String!]!) { marketData(symbols: $of, types: [TRADE]) { ... on Trade { tradeId } } }';

/** A graphql-ws client without a socket: how it writes messages, and what it reads. */
class Wire {
  readonly options: Required<ResumableOptions>;

  constructor(options?: ResumableOptions) {
    this.options = options === undefined ? resumable() : resumable(options);
  }

  write(message: Json): Json {
    return JSON.parse(JSON.stringify(message, this.options.jsonMessageReplacer)) as Json;
  }

  read(message: Json): Json {
    return JSON.parse(JSON.stringify(message), this.options.jsonMessageReviver) as Json;
  }

  /** Sends a `subscribe` and returns the payload as the gateway gets it. */
  subscribe(payload: Json, id = 'a'): Json {
    return this.write({ id, type: 'subscribe', payload })['payload'] as Json;
  }

  /** A new connection takes the place of the one before. */
  connect(): void {
    this.read({ type: 'connection_ack' });
  }

  /** An event arrives; returns what the sink gets of it, or null if it gets nothing. */
  event(event: Json, id = 'a'): unknown {
    const message = this.read({ id, type: 'next', payload: { data: { marketData: event } } });
    return message['id'] === id ? (message['payload'] as { data: Json }).data['marketData'] : null;
  }
}

/** An event as the gateway sends it for a document that was changed. */
const event = (number: number, symbol = 'A', type = 'TRADE') => ({
  tradeId: String(number),
  tickgraph_cursor: `${symbol} ${type} ${number}`,
  tickgraph_broker: 'mock',
  tickgraph_symbol: symbol,
  tickgraph_type: type,
});
const cursorsOf = (payload: Json) => (payload['variables'] as Json)['tickgraph_resume'];

describe('resumable() sends', () => {
  it('no cursors at first, and the last one of each stream at each reconnect', () => {
    const wire = new Wire();
    const payload = { query: TRADES, variables: { of: ['A', 'B'] } };
    const first = wire.subscribe(payload);
    expect(first['variables']).toEqual({ of: ['A', 'B'] });
    for (const each of [event(1), event(1, 'B'), event(2), event(3)]) wire.event(each);
    wire.connect();
    const second = wire.subscribe(payload);
    expect(second['variables']).toEqual({ of: ['A', 'B'], tickgraph_resume: ['B TRADE 1', 'A TRADE 3'] });
    wire.event(event(2, 'B'));
    wire.connect();
    expect(cursorsOf(wire.subscribe(payload))).toEqual(['A TRADE 3', 'B TRADE 2']);
    expect(payload).toEqual({ query: TRADES, variables: { of: ['A', 'B'] } });
  });

  it('the cursors of each stream, told apart by broker, symbol and type', () => {
    const wire = new Wire();
    const payload = { query: TRADES };
    wire.subscribe(payload);
    const other = { ...event(2), tickgraph_broker: 'other', tickgraph_cursor: 'other' };
    for (const each of [event(1), event(1, 'B'), event(1, 'A', 'TICK'), other]) wire.event(each);
    expect(cursorsOf(wire.subscribe(payload))).toEqual(['A TRADE 1', 'B TRADE 1', 'A TICK 1', 'other']);
  });

  it('the cursors of each of several operations, at each reconnect', () => {
    const wire = new Wire();
    const payloads = ['a', 'b', 'c'].map((id) => ({ id, payload: { query: TRADES } }));
    for (const { id, payload } of payloads) {
      wire.subscribe(payload, id);
      wire.event(event(1, id), id);
    }
    for (const _reconnect of [1, 2, 3]) {
      wire.connect();
      const sent = payloads.map(({ id, payload }) => cursorsOf(wire.subscribe(payload, id)));
      expect(sent).toEqual([['a TRADE 1'], ['b TRADE 1'], ['c TRADE 1']]);
    }
  });

  it('the same document at each connect, so that gateways can share what they encode', () => {
    const wire = new Wire();
    const payload = { query: TRADES, variables: { of: ['A'] } };
    const first = wire.subscribe(payload);
    wire.event(event(1));
    wire.connect();
    expect(wire.subscribe(payload)['query']).toBe(first['query']);
  });

  it('the cursors that a subscription began with, before its own', () => {
    const wire = new Wire();
    const query =
      'subscription ($last: [String!]) { marketData(symbols: ["A", "B"], resume: $last) { __typename broker symbol cursor } }';
    const payload = { query, variables: { last: ['A 1', 'B 1'] } };
    expect(wire.subscribe(payload)).toEqual(payload);
    wire.event({ __typename: 'Tick', broker: 'mock', symbol: 'A', cursor: 'A 2' });
    wire.connect();
    expect(wire.subscribe(payload)).toEqual({ query, variables: { last: ['A 1', 'B 1', 'A 2'] } });
  });

  it.each([
    ['a query', { query: '{ brokers { id } }' }],
    ['another subscription', { query: 'subscription { brokerStatus { id } }' }],
    ['a persisted document', { query: '', extensions: { persistedQuery: { sha256Hash: 'abc' } } }],
  ])('%s unchanged', (_what, payload) => {
    expect(new Wire().subscribe(payload)).toEqual(payload);
  });

  it.each([
    ['the client', (wire: Wire) => wire.write({ id: 'a', type: 'complete' })],
    ['the gateway', (wire: Wire) => wire.read({ id: 'a', type: 'complete' })],
    ['an error', (wire: Wire) => wire.read({ id: 'a', type: 'error', payload: [] })],
  ])('no cursors of an operation that was ended by %s', (_what, end) => {
    const wire = new Wire();
    const payload = { query: TRADES };
    wire.subscribe(payload);
    wire.event(event(1));
    end(wire);
    wire.connect();
    expect(cursorsOf(wire.subscribe(payload))).toBeUndefined();
  });

  it('no cursors of an operation that was ended while there was no connection', () => {
    const wire = new Wire();
    const [ended, other] = [{ query: TRADES }, { query: TRADES }];
    wire.subscribe(ended);
    wire.subscribe(other, 'b');
    wire.event(event(1));
    wire.event(event(1), 'b');
    for (const _reconnect of [1, 2]) {
      wire.connect();
      expect(cursorsOf(wire.subscribe(other, 'b'))).toEqual(['A TRADE 1']);
    }
    expect(cursorsOf(wire.subscribe(ended))).toBeUndefined();
  });

  it('cursors after connections that broke before anything was subscribed', () => {
    const wire = new Wire();
    const payload = { query: TRADES };
    wire.subscribe(payload);
    wire.event(event(1));
    for (const _reconnect of [1, 2, 3]) wire.connect();
    expect(cursorsOf(wire.subscribe(payload))).toEqual(['A TRADE 1']);
  });

  it('no cursors of another operation with the same id', () => {
    const wire = new Wire();
    wire.subscribe({ query: TRADES });
    wire.event(event(1));
    expect(cursorsOf(wire.subscribe({ query: TRADES }))).toBeUndefined();
  });

  it('at most 1,000 cursors, those that changed last', () => {
    const wire = new Wire();
    const payload = { query: TRADES };
    wire.subscribe(payload);
    for (let at = 0; at < 1_001; at += 1) wire.event(event(1, `S${at}`));
    const cursors = cursorsOf(wire.subscribe(payload)) as string[];
    expect(cursors.length).toBe(1_000);
    expect(cursors[0]).toBe('S1 TRADE 1');
  });
});

describe('resumable() gives the sink', () => {
  it('exactly the fields that the client selected', () => {
    const wire = new Wire();
    wire.subscribe({ query: TRADES });
    expect(wire.event(event(1))).toEqual({ tradeId: '1' });
  });

  it('no status that it did not ask for, alone or in a list', () => {
    const wire = new Wire();
    wire.subscribe({ query: TRADES });
    const status = event(1, 'A', 'STATUS');
    expect(wire.event(status)).toBeNull();
    const list = [status, event(2)];
    const message = wire.read({ id: 'a', type: 'next', payload: { data: { list } } });
    expect(message['payload']).toEqual({ data: { list: [{ tradeId: '2' }] } });
  });

  it('no status that it did not ask for if it selects only __typename', () => {
    const wire = new Wire();
    wire.subscribe({ query: 'subscription { marketData(symbols: ["A"]) { __typename } }' });
    expect(wire.event({ ...event(1), __typename: 'FeedStatus' })).toBeNull();
    expect(wire.event({ ...event(1), __typename: 'Tick' })).not.toBeNull();
  });

  it.each<[string, Json]>([
    ['with a fragment on it', { query: 'subscription { marketData(symbols: ["A"]) { ... on FeedStatus { state } } }' }],
    ['as a type', { query: 'subscription { marketData(symbols: ["A"], types: [STATUS]) { time } }' }],
    ['as a variable', { query: TRADES, variables: { types: ['STATUS'] } }],
    ['with cursors', { query: 'subscription ($c: [String!]) { marketData(symbols: ["A"], resume: $c) { time } }' }],
  ])('every status if it asks %s', (_how, payload) => {
    const wire = new Wire();
    wire.subscribe(payload);
    expect(wire.event({ ...event(1, 'A', 'STATUS'), state: 'LIVE' })).toMatchObject({ state: 'LIVE' });
  });

  it.each<[string, Json]>([
    ['a result without data', { id: 'a', type: 'next', payload: { data: null, errors: [{ message: 'no' }] } }],
    ['an event that is null', { id: 'a', type: 'next', payload: { data: { marketData: null } } }],
    ['an empty list', { id: 'a', type: 'next', payload: { data: { list: [] } } }],
    [
      'what belongs to another operation',
      { id: 'b', type: 'next', payload: { data: { '': { type: 'next', payload: 1 } } } },
    ],
    [
      'a ping with a payload',
      { type: 'ping', payload: { type: 'next', payload: { '': [{ type: 'x', payload: {} }] } } },
    ],
    [
      'a payload before its type',
      { payload: { data: { marketData: { type: 'a', payload: { b: 1 } } } }, type: 'next', id: 'b' },
    ],
  ])('%s as it came', (_what, message) => {
    const wire = new Wire();
    wire.subscribe({ query: TRADES });
    expect(wire.read(message)).toEqual(message);
  });
});

describe('resumable() with options', () => {
  it('runs the client’s own replacer and reviver too', () => {
    const seen: string[] = [];
    const wire = new Wire({
      jsonMessageReplacer: (key, value) => (seen.push(`out ${key}`), key === 'of' ? ['X'] : value),
      jsonMessageReviver: (key, value) => (seen.push(`in ${key}`), key === 'tradeId' ? Number(value) : value),
    });
    const payload = { query: TRADES, variables: { of: ['A'] } };
    expect(wire.subscribe(payload)['variables']).toEqual({ of: ['X'] });
    expect(wire.event(event(1))).toEqual({ tradeId: 1 });
    expect(cursorsOf(wire.subscribe(payload))).toEqual(['A TRADE 1']);
    expect(seen).toEqual(expect.arrayContaining(['out ', 'out query', 'in tradeId', 'in ']));
  });

  it('keeps every other option', () => {
    const on = { connected: () => undefined };
    const own = { retryAttempts: 3, retryWait: () => Promise.resolve(), shouldRetry: () => false, on, url: 'ws://x' };
    expect(resumable(own)).toMatchObject(own);
  });

  it('by default retries for ever, but only what the network did', () => {
    const { retryAttempts, shouldRetry } = resumable();
    expect(retryAttempts).toBe(Infinity);
    expect(shouldRetry({ type: 'error' })).toBe(true);
    expect(shouldRetry(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }))).toBe(true);
    expect(shouldRetry(new TypeError('data is undefined'))).toBe(false);
  });

  it.each([
    [0, 0, 50],
    [0, 1, 500],
    [3, 1, 4_000],
    [3, 0.5, 2_200],
    [50, 1, 30_000],
    [5_000, 0, 3_000],
  ])('by default waits before attempt %i with jitter %d for %i ms', async (retries, jitter, expected) => {
    vi.useFakeTimers();
    const random = vi.spyOn(Math, 'random').mockReturnValue(jitter);
    try {
      let waited = false;
      const wait = resumable()
        .retryWait(retries)
        .then(() => (waited = true));
      await vi.advanceTimersByTimeAsync(expected - 1);
      expect(waited).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      await wait;
    } finally {
      random.mockRestore();
      vi.useRealTimers();
    }
  });
});
