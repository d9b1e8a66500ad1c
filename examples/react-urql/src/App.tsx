import { useIsConnected } from './connection.ts';
import { PriceTable } from './PriceTable.tsx';
import { Tape } from './Tape.tsx';
import { useMarket } from './useMarket.ts';

const SYMBOLS = ['BTCUSDT', 'ETHUSDT'];

export function App() {
  const { market, problem } = useMarket(SYMBOLS);
  const isConnected = useIsConnected();
  return (
    <>
      <p role="status">{isConnected ? 'Connected to the gateway' : 'No connection to the gateway'}</p>
      {problem === null ? null : <p role="alert">{problem}</p>}
      <PriceTable quotes={market.quotes} isConnected={isConnected} />
      <Tape entries={market.tape} />
    </>
  );
}
