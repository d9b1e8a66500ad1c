import { readFileSync } from 'node:fs';
import { isObjectType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { DEFAULT_OPTIONS } from '../../../src/core/subscription.ts';
import type { FeedGap, FeedReplay, FeedState, FeedType, MarketData } from '../../../src/market/marketData.ts';
import { RAW_TYPES, encodeEvent } from '../../../src/raw/messages.ts';
import type { StatusReply } from '../../../src/raw/messages.ts';
import { parseClientMessage } from '../../../src/raw/parseClientMessage.ts';
import { ERROR_CODES } from '../../../src/shared/errors.ts';
import { typeNameOf } from '../../../src/graphql/resolvers/marketData.ts';
import { loadSchema } from '../../../src/graphql/schema.ts';
import { load, valid } from '../config/support.ts';

type Json = Record<string, unknown>;

interface FeedStatusExample {
  readonly state: FeedState;
  readonly members?: readonly string[];
}

interface Members {
  readonly required: readonly string[];
  readonly optional: readonly string[];
}

/** The members of each reply besides `type` and `status`. The compiler requires a line for each status. */
const REPLIES: Record<StatusReply['status'], { [Part in keyof Members]: readonly (keyof StatusReply)[] }> = {
  connected: { required: ['message'], optional: [] },
  authenticated: { required: ['message'], optional: ['id', 'broker', 'session', 'expiresAt'] },
  subscribed: {
    required: ['symbols', 'types', 'rejected', 'message', 'synthetic'],
    optional: ['id', 'broker', 'routes'],
  },
  unsubscribed: { required: ['symbols', 'message'], optional: ['id', 'broker', 'types'] },
  subscriptions: { required: ['subscriptions'], optional: ['id'] },
  pong: { required: [], optional: ['id'] },
};
/** The state of an event for each status, and the members of what else it reports. */
const FEED_STATUSES: Record<FeedState | 'gap' | 'replay', FeedStatusExample> = {
  live: { state: 'live' },
  stale: { state: 'stale' },
  recovering: { state: 'recovering' },
  closed: { state: 'closed' },
  gap: { state: 'live', members: ['type', 'from', 'to'] satisfies readonly (keyof FeedGap)[] },
  replay: { state: 'live', members: ['recovered', 'events', 'complete'] satisfies readonly (keyof FeedReplay)[] },
};
const ERROR: Members = {
  required: ['type', 'code', 'message', 'retryable'],
  optional: ['id', 'broker', 'retryAfterMs', 'symbols', 'rejected'],
};

const schema = loadSchema();
const page = readFileSync(new URL('../../../docs/raw-protocol.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/^```json\n(.*?)\n```$/gms)].map(([, text = '']) => asObject(JSON.parse(text)));
const fromClients = examples.filter((example) => Object.hasOwn(example, 'action'));
const fromGateway = examples.filter((example) => Object.hasOwn(example, 'type'));
const replies = fromGateway.filter(({ type, symbol }) => type === 'status' && symbol === undefined);
const feedStatuses = fromGateway.filter(({ type, symbol }) => type === 'status' && symbol !== undefined);
const events = fromGateway.filter(({ type }) => type === 'data');
const errors = fromGateway.filter(({ type }) => type === 'error');

describe('the page on the raw protocol', () => {
  it('has only examples that are messages of a client or of the gateway', () => {
    expect(fromClients.length + fromGateway.length).toBe(examples.length);
    expect(replies.length + feedStatuses.length + events.length + errors.length).toBe(fromGateway.length);
  });

  it.each(fromClients)('has a client message that the gateway accepts: $action $id', (example) => {
    expect(parseClientMessage(JSON.stringify(example)).error).toBeUndefined();
  });

  it('has an example and a section for every action, and for nothing else', () => {
    const actions = listedIn(messageOf('{}'));
    expect(actions).toContain('subscribe');
    expect(distinct(fromClients, 'action')).toEqual(actions.toSorted());
    expect(sections('## Client messages')).toEqual(actions.toSorted());
  });

  it('has a line for every option of subscribe, with its default', () => {
    const lines = table('#### Options').map(([name, , standard]) => [name, standard]);
    expect(lines).toEqual(Object.entries(DEFAULT_OPTIONS).map(([name, value]) => [name, String(value)]));
  });

  it('names settings with their defaults', () => {
    const named = [...page.matchAll(/`(\w+)\.(\w+)`\s\(([\d,]+)\)/g)];
    expect(named.length).toBeGreaterThan(3);
    const config = Object.entries(valid(load()));
    for (const [, section = '', setting = '', figure = ''] of named) {
      const [, settings] = config.find(([name]) => name === section) ?? [];
      expect(settings).toMatchObject({ [setting]: Number(figure.replaceAll(',', '')) });
    }
  });

  it('has an example of every reply, with the members that the reply has', () => {
    expect(distinct(replies, 'status')).toEqual(Object.keys(REPLIES).toSorted());
    for (const reply of replies) {
      const { required, optional } = replyMembers(String(reply['status']));
      expectMembers(reply, { required: ['type', 'status', ...required], optional });
    }
  });

  it('has an example and a line for every feed status, as the gateway sends it', () => {
    const statuses = Object.keys(FEED_STATUSES).toSorted();
    expect(distinct(feedStatuses, 'status')).toEqual(statuses);
    const lines = table('## Feed status').map(([name = '']) => name);
    expect(lines.toSorted()).toEqual(statuses);
    for (const example of feedStatuses) {
      const { broker, symbol, message: reason, gap = null, replay = null } = example;
      const [name = '', status] = Object.entries(FEED_STATUSES).find(([each]) => each === example['status']) ?? [];
      expect(sent({ type: 'status', broker, symbol, reason, gap, replay, state: status?.state })).toEqual(example);
      if (status?.members !== undefined) expect(Object.keys(asObject(example[name]))).toEqual(status.members);
    }
  });

  it('has an example and a section for every type of market data, as the gateway sends it', () => {
    const types: readonly FeedType[] = RAW_TYPES.toSorted();
    expect(distinct(events.map(dataOf), 'type')).toEqual(types);
    expect(sections('## Market data')).toEqual(types);
    for (const example of events) {
      expect(sent(toEvent(dataOf(example)))).toEqual(example);
      expect(Object.keys(dataOf(example)).toSorted()).toEqual(fieldsOf(dataOf(example)));
    }
  });

  it('has examples of errors with the members that an error has', () => {
    for (const error of errors) expectMembers(error, ERROR);
    const shown = new Set(errors.flatMap((error) => Object.keys(error)));
    expect([...shown].toSorted()).toEqual([...ERROR.required, ...ERROR.optional].toSorted());
  });

  it('has a line for every error code that says whether to try again', () => {
    const lines = table('## Errors').filter(([name = '']) => /^[A-Z_]+$/.test(name));
    const codes = Object.entries(ERROR_CODES).map(([code, { retryable }]) => [code, retryable ? 'yes' : 'no']);
    expect(lines.map(([code, retryable]) => [code, retryable])).toEqual(codes);
    for (const { code, retryable } of errors) expect(codes).toContainEqual([code, retryable === true ? 'yes' : 'no']);
  });
});

/** What the gateway sends for an event, given that the example has all members that matter. */
function sent(event: Json): unknown {
  return JSON.parse(encodeEvent(event as unknown as MarketData));
}

function toEvent(data: Json): Json {
  if (data['type'] !== 'orderbook') return data;
  return { ...data, bids: levels(data['bids']), asks: levels(data['asks']) };
}

function levels(pairs: unknown): readonly Json[] {
  if (!Array.isArray(pairs)) throw new TypeError('levels are a list');
  return pairs.map(([price, size]: readonly unknown[]) => ({ price, size }));
}

/** Returns the fields of the GraphQL type of an event. */
function fieldsOf({ type }: Json): readonly string[] {
  const known = RAW_TYPES.find((each) => each === type);
  const found = known === undefined ? undefined : schema.getType(typeNameOf({ type: known }));
  if (!isObjectType(found)) throw new RangeError(`there is no type ${String(type)}`);
  return Object.keys(found.getFields()).toSorted();
}

function dataOf(message: Json): Json {
  return asObject(message['data']);
}

function replyMembers(status: string): Members {
  const [, members] = Object.entries(REPLIES).find(([name]) => name === status) ?? [];
  if (members === undefined) throw new RangeError(`there is no reply ${status}`);
  return members;
}

function expectMembers(message: Json, { required, optional }: Members): void {
  const names = Object.keys(message);
  expect(names).toEqual(expect.arrayContaining([...required]));
  expect([...required, ...optional]).toEqual(expect.arrayContaining(names));
}

function messageOf(text: string): string {
  return parseClientMessage(text).error?.message ?? '';
}

/** Returns the names in "…; expected one of a, b, c." */
function listedIn(message: string): readonly string[] {
  return (/expected one of (.*)\.$/.exec(message)?.[1] ?? '').split(', ');
}

function distinct(messages: readonly Json[], member: string): readonly string[] {
  return [...new Set(messages.map((message) => String(message[member])))].toSorted();
}

/** Returns the text after a heading, up to the next one of the same or a higher level. */
function under(heading: string): string {
  const level = heading.indexOf(' ');
  const [, rest = ''] = page.split(`\n${heading}\n`);
  return rest.split(new RegExp(`^#{1,${level}} `, 'm'))[0] ?? '';
}

/** Returns the headings one level below. */
function sections(heading: string): readonly string[] {
  const marks = '#'.repeat(heading.indexOf(' ') + 1);
  return [...under(heading).matchAll(new RegExp(`^${marks} (.*)$`, 'gm'))].map(([, name = '']) => name).toSorted();
}

/** Returns the cells, without code marks, of those table lines under a heading that begin with code. */
function table(heading: string): readonly (readonly string[])[] {
  const lines = under(heading)
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  return lines
    .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')))
    .map((cells) => cells.slice(1));
}

function asObject(value: unknown): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('an example is an object');
  return { ...value };
}
