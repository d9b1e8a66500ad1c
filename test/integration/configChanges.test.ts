import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GatewayProcess } from '../support/GatewayProcess.ts';
import { logLines } from '../support/logLines.ts';
import { RawClient } from '../support/RawClient.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

/** Mock brokers by id, each with settings that differ from the defaults. */
type Brokers = Readonly<Record<string, string>>;

const BROKERS: Brokers = { steady: '', reopened: '', removed: '', disabled: '' };

function yaml(brokers: Brokers, rest = ''): string {
  const lines = Object.entries(brokers).map(
    ([id, more]) => `  ${id}: { kind: mock-binance, ticksPerSecond: 50, symbols: { BTCUSDT: 43250.10 }, ${more} }`,
  );
  return `${rest}\nbrokers:\n  binance: null\n  oanda: null\n  mock-binance: null\n  mock-oanda: null\n${lines.join('\n')}\n`;
}

/** A gateway in a process of its own, with a configuration file that the test edits. */
class Edited implements AsyncDisposable {
  readonly #folder: string;
  readonly gateway: GatewayProcess;

  private constructor(folder: string) {
    this.#folder = folder;
    this.gateway = new GatewayProcess({
      args: ['src/index.ts', 'serve', '--config', this.file],
      env: { HOST: '127.0.0.1', PORT: '0' },
    });
  }

  static async start(text: string): Promise<Edited> {
    const folder = await mkdtemp(join(tmpdir(), 'tickgraph-'));
    await writeFile(join(folder, 'config.yaml'), text);
    return new Edited(folder);
  }

  get file(): string {
    return join(this.#folder, 'config.yaml');
  }

  lines(message: string): Record<string, unknown>[] {
    return logLines(this.gateway.out).filter(({ msg }) => msg === message);
  }

  /** Replaces the file as editors do, and resolves with the line that says what came of it. */
  async edit(text: string, message = 'the configuration has changed'): Promise<Record<string, unknown>> {
    const before = this.lines(message).length;
    await writeFile(`${this.file}.new`, text);
    await rename(`${this.file}.new`, this.file);
    return waitFor(() => this.lines(message)[before], `another line: ${message}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true });
  }
}

/** A client of one broker: the sequences of its ticks, the ids of its trades, and the states that it was told with their reasons. */
interface Watcher extends AsyncDisposable {
  readonly broker: string;
  readonly sequences: () => readonly number[];
  readonly trades: () => readonly number[];
  readonly states: () => readonly string[];
  readonly reasons: () => readonly unknown[];
  /** How its connection was closed, if it was. */
  readonly closed: () => unknown;
}

async function rawWatcher(url: string, broker: string): Promise<Watcher> {
  const client = await RawClient.connect(url);
  await client.subscribe(broker, ['BTCUSDT'], ['tick', 'trade']);
  const statuses = () => client.messages.filter(({ type, symbol }) => type === 'status' && symbol !== undefined);
  return {
    broker,
    sequences: () => client.data('tick').map(({ sequence }) => Number(sequence)),
    trades: () => client.data('trade').map(({ tradeId }) => Number(tradeId)),
    states: () => statuses().map(({ status }) => String(status)),
    reasons: () => statuses().map(({ message }) => message),
    closed: () => client.closed,
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

interface GraphqlEvent {
  readonly __typename: string;
  readonly sequence: number;
  readonly state?: string;
  readonly reason?: string | null;
  readonly tradeId?: string;
  readonly gap?: object | null;
}

async function graphqlWatcher(url: string, broker: string): Promise<Watcher> {
  const client = await TransportWsClient.connect(`${url.replace('http', 'ws')}/graphql`);
  client.subscribe(
    's',
    `subscription { marketData(broker: "${broker}", symbols: ["BTCUSDT"], types: [TICK, TRADE, STATUS]) {
      __typename sequence ... on Trade { tradeId } ... on FeedStatus { state reason gap { type } } } }`,
  );
  const events = (): GraphqlEvent[] =>
    client.of('s').map(({ payload }) => (payload as { data: { marketData: GraphqlEvent } }).data.marketData);
  const statuses = (): GraphqlEvent[] => events().filter(({ __typename }) => __typename === 'FeedStatus');
  return {
    broker,
    sequences: () =>
      events()
        .filter(({ __typename }) => __typename === 'Tick')
        .map(({ sequence }) => sequence),
    trades: () => events().flatMap(({ tradeId }) => (tradeId === undefined ? [] : [Number(tradeId)])),
    states: () => statuses().map(({ gap, state }) => (gap === null ? String(state).toLowerCase() : 'gap')),
    reasons: () => statuses().map(({ reason }) => reason),
    closed: () => client.closed ?? client.of('s').find(({ type }) => type !== 'next') ?? null,
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

/** Waits until every one of them has got more ticks than it has now. */
async function moreTicks(watchers: readonly Watcher[]): Promise<void> {
  const before = watchers.map(({ sequences }) => sequences().length);
  await waitFor(() => watchers.every(({ sequences }, at) => sequences().length >= (before[at] ?? 0) + 3), 'more ticks');
}

function expectNoHole(watchers: readonly Watcher[]): void {
  for (const watcher of watchers) {
    const sequences = watcher.sequences();
    const [first = 0] = sequences;
    expect(sequences).toEqual(sequences.map((_, at) => first + at));
  }
}

function withoutGaps(states: readonly string[]): readonly string[] {
  return states.filter((state) => state !== 'gap');
}

/** Every trade, once and in the order of the venue. */
function expectEveryTrade(watchers: readonly Watcher[]): void {
  for (const { trades } of watchers) {
    const ids = trades();
    const [first = 0] = ids;
    expect(ids.length).toBeGreaterThan(10);
    expect(ids).toEqual(ids.map((_, at) => first + at));
  }
}

const CLIENTS_OF_EACH = 25;
/** What clients of each broker are told of its change: states, and then gaps. A mock market that is opened anew begins anew. */
const NEWS: Readonly<Record<string, readonly string[]>> = {
  steady: [],
  reopened: ['recovering', 'live', 'gap'],
  removed: ['closed'],
  disabled: ['closed'],
};

describe('a configuration file that is edited while 100 clients of both protocols are connected', () => {
  it('changes what those see whose broker it changes, and nothing for all others', async () => {
    await using edited = await Edited.start(yaml(BROKERS));
    const url = await edited.gateway.listening();
    await using clients = new AsyncDisposableStack();
    const watchers: Watcher[] = [];
    for (const broker of Object.keys(BROKERS)) {
      for (let each = 0; each < CLIENTS_OF_EACH; each += 1) {
        const watcher = each % 2 === 0 ? rawWatcher(url, broker) : graphqlWatcher(url, broker);
        watchers.push(clients.use(await watcher));
      }
    }
    const of = (...brokers: string[]): Watcher[] => watchers.filter(({ broker }) => brokers.includes(broker));
    await moreTicks(watchers);
    const statesBefore = watchers.map(({ states }) => states());

    const { changed, ...line } = await edited.edit(
      yaml({ steady: '', reopened: 'seed: 9', disabled: 'enabled: false', added: '' }, 'limits: { queryDepth: 9 }'),
    );
    expect(line).toMatchObject({
      added: ['added'],
      removed: ['removed'],
      reopened: ['reopened'],
      disabled: ['disabled'],
    });
    expect(changed).toEqual([
      'limits.queryDepth',
      'brokers.reopened.seed',
      'brokers.removed',
      'brokers.disabled.enabled',
      'brokers.added',
    ]);
    const newsOf = (watcher: Watcher, at: number): readonly string[] =>
      watcher.states().slice(statesBefore[at]?.length);
    await waitFor(
      () => watchers.every((watcher, at) => newsOf(watcher, at).length >= (NEWS[watcher.broker]?.length ?? 0)),
      'news of the brokers that have changed',
    );
    await using newcomer = await rawWatcher(url, 'added');
    await moreTicks([...of('steady', 'reopened'), newcomer]);

    expectNoHole(of('steady', 'reopened'));
    expectEveryTrade(of('steady'));
    for (const [at, watcher] of watchers.entries()) {
      const news = newsOf(watcher, at);
      const gaps = news.filter((state) => state === 'gap');
      expect([...withoutGaps(news), ...gaps], watcher.broker).toEqual(NEWS[watcher.broker]);
      expect(watcher.closed()).toBeNull();
    }
    for (const { reasons } of of('removed')) {
      expect(reasons().at(-1)).toBe('The broker was removed from the configuration.');
    }

    // What is taken back serves the same subscriptions again.
    await edited.edit(yaml(BROKERS));
    await moreTicks(watchers);
    expectNoHole(watchers);
    expectEveryTrade(of('steady'));
    for (const { states } of of('removed', 'disabled')) {
      expect(withoutGaps(states()).slice(-2)).toEqual(['recovering', 'live']);
    }
  }, 20_000);

  it('changes nothing if it is not valid, says why with the line, and shows no secret', async () => {
    await using edited = await Edited.start(yaml(BROKERS, 'metrics: { access: token, token: canary-1 }'));
    const url = await edited.gateway.listening();
    await using raw = await rawWatcher(url, 'steady');
    await using graphql = await graphqlWatcher(url, 'steady');
    await moreTicks([raw, graphql]);
    const [rawStates, graphqlStates] = [raw.states().length, graphql.states().length];
    const invalid = 'the configuration is not valid; the gateway goes on with the one it has';

    const broken = await edited.edit('metrics:\n  token: canary-2\n  token: [canary-3\n', invalid);
    expect(broken['faults']).toContainEqual(expect.stringMatching(/config\.yaml:\d+:\d+: found .*expected valid YAML/));
    const wrong = await edited.edit(
      yaml({ steady: 'seed: 5', new: '' }, 'metrics: { token: "canary 4" }\nlimits: { connections: 0 }'),
      invalid,
    );
    expect(wrong['faults']).toEqual([
      expect.stringMatching(/config\.yaml:1: metrics\.token: found a text \(\[redacted\]\)/),
      expect.stringMatching(/config\.yaml:2: limits\.connections: found 0, expected a whole number/),
    ]);

    await moreTicks([raw, graphql]);
    expectNoHole([raw, graphql]);
    expect([raw.states().length, graphql.states().length]).toEqual([rawStates, graphqlStates]);
    const metrics = async (): Promise<string> => {
      const answer = await fetch(`${url}/metrics`, { headers: { authorization: 'Bearer canary-1' } });
      expect(answer.status).toBe(200);
      return answer.text();
    };
    const refused = await metrics();
    expect(refused).toContain('tickgraph_config_reloads_total{outcome="refused"} 2');
    expect(refused).toContain('tickgraph_config_last_reload_successful 0');

    await writeFile(edited.file, yaml(BROKERS, 'metrics: { access: token, token: canary-1 }\nlog: { level: debug }'));
    edited.gateway.kill('SIGHUP');
    await waitFor(() => edited.lines('the configuration has changed').length > 0, 'the valid configuration');
    const applied = await metrics();
    expect(applied).toContain('tickgraph_config_reloads_total{outcome="applied"} 1');
    expect(applied).toContain('tickgraph_config_last_reload_successful 1');
    edited.gateway.kill('SIGTERM');
    expect(await edited.gateway.exited()).toBe(0);
    expect(edited.gateway.out + edited.gateway.err).not.toContain('canary');
  });
});
