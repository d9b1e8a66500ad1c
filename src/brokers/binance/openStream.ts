import { assertNever } from '../../shared/errors.ts';
import { CandleStream } from './CandleStream.ts';
import { DepthStream } from './DepthStream.ts';
import type { MarketStream, StreamOptions } from './MarketStream.ts';
import type { StreamAddress } from './streamNames.ts';
import { TickStream } from './TickStream.ts';
import { TradeStream } from './TradeStream.ts';

export function openStream({ kind }: StreamAddress, options: StreamOptions): MarketStream {
  switch (kind.type) {
    case 'tick':
      return new TickStream(options);
    case 'trade':
      return new TradeStream({ ...options, mode: kind.mode });
    case 'candle':
      return new CandleStream({ ...options, interval: kind.interval });
    case 'orderbook':
      return new DepthStream(options);
    default:
      return assertNever(kind);
  }
}
