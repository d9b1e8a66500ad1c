import { seededRandom } from '../../../src/shared/random.ts';
import { StandInBinance } from '../../../test/venues/binance/StandInBinance.ts';
import { StandInOanda } from '../../../test/venues/oanda/StandInOanda.ts';
import { formatTime } from '../../../test/venues/oanda/time.ts';
import { VenueFaults } from './VenueFaults.ts';
import { nowMs, topText } from './venueMessages.ts';
import type {
  FromVenue,
  MadePrice,
  MadeState,
  MadeTrade,
  ToVenue,
  VenueReport,
  VenueSettings,
} from './venueMessages.ts';

// Both venues in a process of their own. Their markets move whether or not anybody listens, and everything that they make is
// reported to the parent process, which ends this one.
const settings = JSON.parse(process.argv[2] ?? '{}') as VenueSettings;
const { seed, stepMs, binanceSymbols, oandaSymbols } = settings;
const binance = await StandInBinance.start({
  seed,
  bookLevels: 40,
  klineCloseDelayMs: [100, 900],
  rest: { refusalsBeforeBan: 1_000_000 },
});
const oanda = await StandInOanda.start({ seed, heartbeatMs: 1_000 });
const faults = new VenueFaults({ binance, oanda });
const random = seededRandom(seed + 1);
const send = (message: FromVenue): void => {
  process.send?.(message, (error: Error | null) => {
    if (error !== null) process.exit();
  });
};

send({
  started: {
    binancePort: binance.port,
    oandaRestPort: Number(new URL(oanda.restUrl).port),
    oandaStreamPort: Number(new URL(oanda.streamUrl).port),
    accounts: oanda.accounts.map(({ id, token }) => ({ id, token })),
  },
});
process.on('message', ({ fault }: ToVenue) => {
  faults.apply(fault);
});
process.on('disconnect', () => process.exit());
for (const symbol of binanceSymbols) for (let past = 0; past < 60; past += 1) binance.market(symbol).trade();
report({ trades: binanceSymbols.flatMap(pastTrades), ...present() });
setInterval(() => {
  report(step());
}, stepMs);

function report(content: Omit<VenueReport, 'atMs'>): void {
  const sockets = binance.sockets.filter(({ open }) => open).length;
  send({ report: { ...content, atMs: nowMs() }, sockets });
}

function step(): Omit<VenueReport, 'atMs'> {
  const trades: MadeTrade[] = [];
  const ticks: MadeState[] = [];
  const books: MadeState[] = [];
  const isHalted = faults.isHalted;
  for (const symbol of binanceSymbols) {
    const market = binance.market(symbol);
    const klines = binance.subscribed(`${symbol.toLowerCase()}@kline_1s`) ? (['1s'] as const) : [];
    if (!isHalted) {
      market.tick();
      ticks.push(bestOf(symbol));
      if (random() < 0.7) market.change();
      if (random() < 0.5)
        trades.push(...market.trade(undefined, undefined, fills()).map((trade) => made(symbol, trade)));
      market.flush();
      books.push(bookOf(symbol));
      ticks.push(bestOf(symbol));
    }
    faults.cross(symbol);
    ticks.push(bestOf(symbol));
    books.push(bookOf(symbol));
    market.sendDueKlines(klines);
  }
  // The opening and the closing of a market have made prices, too.
  const before = oandaSymbols.flatMap(pricesOf);
  for (const symbol of oandaSymbols) if (oanda.market(symbol).tradeable) oanda.market(symbol).tick();
  return { trades, ticks, books, prices: [...before, ...oandaSymbols.flatMap(pricesOf)] };
}

function present(): Omit<VenueReport, 'atMs' | 'trades'> {
  return {
    ticks: binanceSymbols.map(bestOf),
    books: binanceSymbols.map(bookOf),
    prices: oandaSymbols.flatMap(pricesOf),
  };
}

function fills(): { readonly fills: number } {
  return { fills: random() < 0.2 ? 3 : 1 };
}

function pastTrades(symbol: string): MadeTrade[] {
  return binance
    .market(symbol)
    .trades({ fromId: null, limit: 1_000 })
    .map((trade) => made(symbol, trade));
}

function made(
  symbol: string,
  trade: { id: number; price: string; quantity: string; timeMs: number; buyerIsMaker: boolean },
): MadeTrade {
  const { id, price, quantity: size, timeMs, buyerIsMaker } = trade;
  return { symbol, id, price, size, timeMs, side: buyerIsMaker ? 'sell' : 'buy' };
}

function bestOf(symbol: string): MadeState {
  const { bid, ask } = binance.market(symbol).best();
  return { symbol, atMs: nowMs(), text: topText(bid === null ? [] : [bid], ask === null ? [] : [ask]) };
}

function bookOf(symbol: string): MadeState {
  const { bids, asks } = binance.market(symbol).book();
  return { symbol, atMs: nowMs(), text: topText(bids, asks) };
}

function pricesOf(symbol: string): MadePrice[] {
  return oanda.accounts.flatMap(({ id: account }) => {
    const price = oanda.lastPrice(account, symbol);
    if (price === null) return [];
    const bids = price.bids.map((level) => [level.price, String(level.liquidity)] as const);
    const asks = price.asks.map((level) => [level.price, String(level.liquidity)] as const);
    const time = price.timeText ?? formatTime(price.time, 'RFC3339');
    return [
      {
        account,
        symbol,
        time,
        atMs: nowMs(),
        tick: topText(bids.slice(0, 1), asks.slice(0, 1)),
        book: topText(bids, asks),
      },
    ];
  });
}
