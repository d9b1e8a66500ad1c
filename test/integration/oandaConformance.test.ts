import { describeConformance } from '../support/adapterConformance.ts';
import { feedOf } from '../support/BrokerRecord.ts';
import { ACCOUNT, startOandaBroker } from '../support/startOandaBroker.ts';
import { listing } from '../venues/oanda/instruments.ts';

type Scene = Awaited<ReturnType<typeof startOandaBroker>>;

const TICK = feedOf('EUR_USD', 'tick');

describeConformance<Scene>({
  name: 'the adapter of OANDA',
  start: (wanted) => startOandaBroker(wanted),
  tick: TICK,
  neighbour: feedOf('USD_JPY', 'tick'),
  run: ({ venue }) => venue.run({ everyMs: 100 }),
  silence: ({ venue }) => {
    venue.faults.silenceOpenStreams();
  },
  unheard: {
    feed: feedOf('USD_JPY', 'tick'),
    start: ({ venue }) => {
      venue.faults.stream.noPrices = true;
    },
    heal: ({ venue }) => {
      venue.faults.stream.noPrices = false;
    },
  },
  endQuote: ({ venue }) => {
    venue.price(ACCOUNT.id, 'EUR_USD', { bids: [] });
  },
  refuse: {
    start: async ({ venue }) => {
      venue.faults.opening.nextReply(401, { times: 3 });
      await venue.faults.hangUp();
    },
    again: ({ venue }) => {
      venue.faults.opening.clear();
    },
  },
  list: ({ venue }) => {
    venue.list(listing({ name: 'NEW_USD', price: '1.50000', displayPrecision: 5 }));
    return 'NEW_USD';
  },
  nonsense: ({ venue }) => {
    venue.faults.malformed('{"type":"PRICE","instrument":"EUR_USD","time":"soon","bids":7}\n');
  },
  startPaused: async () => {
    const scene = await startOandaBroker([TICK], {
      before: ({ faults }) => {
        const path = `/v3/accounts/${ACCOUNT.id}/instruments`;
        faults.rest.nextReply(429, { path, retryAfterSeconds: 30 });
      },
    });
    return { scene, feed: TICK };
  },
});
