import { describeConformance } from '../support/adapterConformance.ts';
import { feedOf } from '../support/BrokerRecord.ts';
import { BOOK, startBinanceBroker, TICK, TRADE } from '../support/startBinanceBroker.ts';
import { waitFor } from '../support/waitFor.ts';
import { listing } from '../venues/binance/instruments.ts';

type Scene = Awaited<ReturnType<typeof startBinanceBroker>>;

describeConformance<Scene>({
  name: 'the adapter of Binance',
  start: (wanted) => startBinanceBroker(wanted),
  tick: TICK,
  neighbour: feedOf('ETHUSDT', 'tick'),
  run: ({ venue }) => venue.run({ everyMs: 100 }),
  silence: ({ venue }) => {
    venue.faults.muteOpenSockets();
  },
  unheard: {
    feed: TRADE,
    start: ({ venue }) => {
      venue.faults.ackButSilent('btcusdt@trade');
    },
    heal: ({ venue }) => {
      venue.faults.ackButSilent(null);
    },
  },
  endQuote: ({ venue }) => {
    const u = venue.market('BTCUSDT').book().lastUpdateId + 1;
    const payload = { u, s: 'BTCUSDT', b: '0.00000000', B: '0.00000000', a: '43250.10000000', A: '1.00000000' };
    venue.publish('btcusdt@bookTicker', JSON.stringify(payload));
  },
  refuse: {
    start: async ({ venue }) => {
      venue.faults.handshakeStatus = 403;
      await venue.faults.hangUp();
    },
    again: ({ venue }) => {
      venue.faults.handshakeStatus = null;
    },
  },
  list: ({ venue }) => {
    venue.list(listing({ symbol: 'NEWUSDT', base: 'NEW', quote: 'USDT', price: '1.00000000' }));
    return 'NEWUSDT';
  },
  nonsense: ({ venue }) => {
    venue.faults.malformedPayload('btcusdt@bookTicker', '{"u":"soon","b":1}');
  },
  startPaused: async () => {
    const scene = await startBinanceBroker([TICK]);
    await scene.waitForState('live', TICK);
    await waitFor(() => scene.broker.catalog !== null, 'the listing');
    scene.venue.faults.rest.nextStatus(429, { retryAfterSeconds: 30, path: '/api/v3/depth' });
    scene.broker.setWanted(new Set([TICK, BOOK]));
    return { scene, feed: BOOK };
  },
});
