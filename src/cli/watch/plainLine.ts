import type { MarketData, PriceLevel } from '../../market/marketData.ts';
import { assertNever } from '../../shared/errors.ts';
import { clean } from './renderTable.ts';

/** One event in one line, for a file or another program's eyes. */
export function plainLine(event: MarketData): string {
  return clean(`${event.receivedAt} ${event.symbol} ${event.type} ${contentOf(event)}`);
}

function contentOf(event: MarketData): string {
  switch (event.type) {
    case 'tick':
      return `bid ${event.bid} ask ${event.ask} spread ${event.spread}`;
    case 'trade':
      return `${event.side} ${event.size} @ ${event.price} id ${event.tradeId}`;
    case 'candle': {
      const { interval, openTime, open, high, low, close, volume, closed } = event;
      const end = closed ? 'closed' : 'open';
      return `${interval} ${openTime} open ${open} high ${high} low ${low} close ${close} volume ${volume} ${end}`;
    }
    case 'orderbook':
      return `${event.kind} bids ${levels(event.bids)} asks ${levels(event.asks)}`;
    case 'status': {
      const { state, reason, gap } = event;
      const lost = gap === null ? '' : ` gap in ${gap.type} from ${gap.from ?? '?'} to ${gap.to ?? '?'}`;
      return `${state}${lost}${reason === null ? '' : ` ${reason}`}`;
    }
    default:
      return assertNever(event);
  }
}

function levels(side: readonly PriceLevel[]): string {
  return side.map(({ price, size }) => `${size}@${price}`).join(' ') || '–';
}
