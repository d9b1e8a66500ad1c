import type { JSX } from 'preact';
import type { MarketDataType } from '../client/index.ts';
import { brokerOf } from './data/brokers.ts';
import { interval, shown } from './data/view.ts';
import { keyOf } from './data/viewLink.ts';
import type { Listed } from './data/viewLink.ts';
import { BookPanel } from './panels/BookPanel.tsx';
import { BrokersPanel } from './panels/BrokersPanel.tsx';
import { ChartPanel } from './panels/ChartPanel.tsx';
import { LoginDialog } from './panels/LoginDialog.tsx';
import { QuotePanel } from './panels/QuotePanel.tsx';
import { TapePanel } from './panels/TapePanel.tsx';
import { TopBar } from './panels/TopBar.tsx';
import { WatchPanel } from './panels/WatchPanel.tsx';
import { Announcer } from './ui/announce.tsx';

/** The whole page. Panels of a symbol begin anew with another one. */
export function App(): JSX.Element {
  const listed = shown.value;
  const key = listed === null ? '' : keyOf(listed);
  const types = listed === null ? null : (brokerOf(listed.broker)?.supportedTypes ?? null);
  const serves = (type: MarketDataType): boolean => types?.includes(type) ?? true;
  return (
    <>
      <TopBar />
      <main class="desk">
        <div class="column">
          <WatchPanel />
          {listed === null ? null : <TapePanel key={`tape ${key}`} listed={listed} isServed={serves('TRADE')} />}
        </div>
        <div class="column">
          {listed === null ? <Nothing /> : <Middle listed={listed} isServed={serves('CANDLE')} />}
        </div>
        <div class="column">
          {listed === null ? null : <BookPanel key={`book ${key}`} listed={listed} isServed={serves('ORDERBOOK')} />}
          <BrokersPanel />
        </div>
      </main>
      <footer class="foot">
        <span>
          Keys: <kbd>/</kbd> search, <kbd>↑</kbd> <kbd>↓</kbd> <kbd>Enter</kbd> choose, <kbd>Shift</kbd>+
          <kbd>Enter</kbd> watch
        </span>
        <nav aria-label="More of this gateway">
          <a href="/graphql">GraphiQL</a> <a href="/ready">State</a> <a href="/metrics">Metrics</a>
        </nav>
        <span>
          Charts by{' '}
          <a href="https://www.tradingview.com/" rel="noopener noreferrer">
            TradingView Lightweight Charts™
          </a>
          , © TradingView, Inc.
        </span>
      </footer>
      <LoginDialog />
      <Announcer />
    </>
  );
}

function Middle({ listed, isServed }: { readonly listed: Listed; readonly isServed: boolean }): JSX.Element {
  const key = keyOf(listed);
  return (
    <>
      <QuotePanel key={`quote ${key}`} listed={listed} />
      <ChartPanel key={`chart ${key} ${interval.value}`} listed={listed} isServed={isServed} />
    </>
  );
}

function Nothing(): JSX.Element {
  return (
    <section class="panel quote" aria-label="Nothing chosen yet">
      <p class="waiting">Waiting for a broker that serves market data…</p>
    </section>
  );
}
