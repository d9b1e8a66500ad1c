// Trades and the best levels of an order book, over the raw protocol and without any library.
import { Book } from './Book.js';
import { Feed } from './Feed.js';

const url = process.argv[2] ?? 'ws://127.0.0.1:4000/ws';
const book = new Book();

const feed = new Feed(
  url,
  {
    broker: 'mock-binance',
    symbols: ['BTCUSDT'],
    types: ['trade', 'orderbook'],
    options: { depth: 10, book: 'delta', history: 10 },
  },
  { onMessage: show, onConnection: showConnection, onEnd: giveUp },
);
const timer = setInterval(showBook, 2_000);
process.once('SIGINT', stop);

function show(message) {
  const { type, status, symbol, data } = message;
  if (type === 'data' && data.type === 'trade') {
    console.log(`${data.time} ${symbol} ${data.tradeId} ${data.side} ${data.size} at ${data.price}`);
  } else if (type === 'data') {
    book.take(data);
  } else if (status === 'gap') {
    const { type: lost, from, to } = message.gap;
    console.log(`${symbol} has lost events (${lost}) from ${from} to ${to}: ${message.message}`);
  } else if (status === 'replay') {
    if (!message.replay.complete) console.log(`${symbol}: not everything of the past could be had`);
  } else {
    if (status === 'recovering') book.clear();
    console.log(`${symbol ?? url} ${status}: ${message.message ?? ''}`);
  }
}

function showConnection(isOpen) {
  if (!isOpen) book.clear(); // A book that is not kept up is wrong. The next subscription begins with a snapshot.
  console.error(isOpen ? 'connected' : 'the connection is lost');
}

function showBook() {
  const [bid, ask] = [book.bids[0], book.asks[0]];
  if (bid && ask) console.log(`best bid ${bid.join(' × ')}, best ask ${ask.join(' × ')}`);
}

function giveUp(reason) {
  console.error(reason);
  process.exitCode = 1;
  stop();
}

function stop() {
  clearInterval(timer);
  feed.close();
}
