import { Session } from 'node:inspector/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setImmediate as turn } from 'node:timers/promises';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';
import { projectFolder } from './GatewayProcess.ts';
import { RawClient } from './RawClient.ts';
import { standInBroker, startGateway } from './startGateway.ts';
import { TransportWsClient } from './TransportWsClient.ts';
import { waitFor } from './waitFor.ts';

// This script runs in a process of its own. It prints as JSON which source files run while one trade goes from the
// venue to a client, and which while a subscription goes from a client to the venue.

/** A file that happens to run between two trades does not run with every one of this many. */
const TRADES = 10;

const QUERY =
  'subscription { marketData(broker: "binance", symbols: ["BTCUSDT"], types: [TRADE]) { time ... on Trade { tradeId } } }';

/** Starts to receive trades; the result says how many have come. */
type Subscribe = (gateway: { readonly http: string }, owned: AsyncDisposableStack) => Promise<() => number>;

const overGraphql: Subscribe = async ({ http }, owned) => {
  const client = owned.use(await TransportWsClient.connect(`${http.replace(/^http/, 'ws')}/graphql`));
  client.subscribe('1', QUERY);
  return () => client.of('1').length;
};

const overRaw: Subscribe = async ({ http }, owned) => {
  const client = owned.use(await RawClient.connect(http));
  await client.subscribe('binance', ['BTCUSDT'], ['trade']);
  return () => client.data('trade').length;
};

/** Returns the source files in which a function has been called since the last time. */
async function filesEntered(session: Session): Promise<ReadonlySet<string>> {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const entered = result.filter(({ functions }) => functions.some(({ ranges }) => (ranges[0]?.count ?? 0) > 0));
  const paths = entered.filter(({ url }) => url.startsWith('file:')).map(({ url }) => fileURLToPath(url));
  return new Set(paths.map((path) => relative(projectFolder, path)).filter((path) => path.startsWith('src/')));
}

async function profiler(owned: AsyncDisposableStack): Promise<Session> {
  const session = new Session();
  session.connect();
  owned.defer(() => {
    session.disconnect();
  });
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  return session;
}

async function subscriptionWalk(): Promise<readonly string[]> {
  await using owned = new AsyncDisposableStack();
  const venue = owned.use(await StandInBinance.start());
  const gateway = owned.use(await startGateway({ config: { brokers: { binance: standInBroker(venue) } } }));
  const client = owned.use(await TransportWsClient.connect(`${gateway.urls.http.replace(/^http/, 'ws')}/graphql`));
  const session = await profiler(owned);
  await filesEntered(session);
  client.subscribe('1', QUERY);
  await venue.waitForSubscription('btcusdt@trade');
  return [...(await filesEntered(session))].toSorted();
}

async function tradeWalk(subscribe: Subscribe): Promise<readonly string[]> {
  await using owned = new AsyncDisposableStack();
  const venue = owned.use(await StandInBinance.start());
  const gateway = owned.use(await startGateway({ config: { brokers: { binance: standInBroker(venue) } } }));
  const received = await subscribe(gateway.urls, owned);
  await venue.waitForSubscription('btcusdt@trade');
  const session = await profiler(owned);
  let walk: readonly string[] | null = null;
  for (let trade = 0; trade <= TRADES; trade += 1) {
    const before = received();
    await filesEntered(session);
    venue.market('BTCUSDT').trade();
    await waitFor(() => received() > before, 'the trade to arrive');
    await turn();
    const entered = await filesEntered(session);
    // The first trade only warms up.
    if (trade > 0) walk = (walk ?? [...entered]).filter((file) => entered.has(file));
  }
  return (walk ?? []).toSorted();
}

console.log(
  JSON.stringify({
    tradeOverGraphql: await tradeWalk(overGraphql),
    tradeOverRaw: await tradeWalk(overRaw),
    subscription: await subscriptionWalk(),
  }),
);
