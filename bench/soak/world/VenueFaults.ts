import { assertNever } from '../../../src/shared/errors.ts';
import type { StandInBinance } from '../../../test/venues/binance/StandInBinance.ts';
import type { StandInOanda } from '../../../test/venues/oanda/StandInOanda.ts';
import type { VenueFault } from '../schedule.ts';
import { nowMs } from './venueMessages.ts';

const MALFORMED = [
  '{"stream":',
  '[1,2',
  '{"e":"trade","s":1}',
  '{"stream":"btcusdt@trade","data":{"e":"trade","t":"x"}}',
];

/** Gives the stand-ins the faults of the schedule, and takes them away when their time is over. */
export class VenueFaults {
  readonly #binance: StandInBinance;
  readonly #oanda: StandInOanda;
  #haltedUntilMs = 0;
  /** The price of a bid above the best ask, by symbol, and until when it stays. */
  readonly #crossed = new Map<string, { price: string | null; readonly untilMs: number }>();
  #malformed = 0;

  constructor({ binance, oanda }: { readonly binance: StandInBinance; readonly oanda: StandInOanda }) {
    this.#binance = binance;
    this.#oanda = oanda;
  }

  /** Markets of Binance stand still. */
  get isHalted(): boolean {
    return nowMs() < this.#haltedUntilMs;
  }

  /** Crosses the book of a symbol, or ends that; called at the end of each step. */
  cross(symbol: string): void {
    const wanted = this.#crossed.get(symbol);
    if (wanted === undefined) return;
    const market = this.#binance.market(symbol);
    if (wanted.price === null) {
      wanted.price = market.best().ask?.[0] ?? null;
      if (wanted.price !== null) market.depth({ bids: [[wanted.price, '0.77700000']] });
    } else if (nowMs() >= wanted.untilMs) {
      market.depth({ bids: [[wanted.price, '0']] });
      this.#crossed.delete(symbol);
    }
  }

  apply(fault: VenueFault): void {
    const { faults } = this.#binance;
    switch (fault.kind) {
      case 'reset':
        void faults.resetInMidFrame();
        break;
      case 'fin':
        void faults.hangUp();
        break;
      case 'goingAway':
        void faults.hangUp(1001, 'going away');
        break;
      case 'malformed':
        this.#malformed += 1;
        faults.malformed(MALFORMED[this.#malformed % MALFORMED.length] ?? '');
        break;
      case 'silence':
        faults.silence = true;
        later(fault.forMs, () => (faults.silence = false));
        break;
      case 'refuse':
        faults.refuseConnections = true;
        void faults.hangUp();
        later(fault.forMs, () => (faults.refuseConnections = false));
        break;
      case 'mute':
        faults.muteOpenSockets();
        break;
      case 'shortLives':
        faults.lifetimeMs = 1_500;
        void faults.hangUp();
        later(fault.forMs, () => (faults.lifetimeMs = null));
        break;
      case 'late':
        faults.delayOpenSockets(1_200);
        later(fault.forMs, () => {
          faults.delayOpenSockets(0);
        });
        break;
      case 'halt':
        this.#haltedUntilMs = nowMs() + fault.forMs;
        break;
      case 'skipDiff':
        faults.skipDiff(fault.symbol, fault.times);
        break;
      case 'duplicateDiff':
        faults.duplicateDiff(fault.symbol, fault.times);
        break;
      case 'overlapDiff':
        faults.overlapDiff(fault.symbol, fault.times);
        break;
      case 'swapDiffs':
        faults.swapDiffs(fault.symbol);
        break;
      case 'crossed':
        if (!this.#crossed.has(fault.symbol))
          this.#crossed.set(fault.symbol, { price: null, untilMs: nowMs() + fault.forMs });
        break;
      case 'rest':
        faults.rest.nextStatus(fault.status, {
          times: fault.times,
          retryAfterSeconds: fault.status === 500 ? null : 2,
        });
        break;
      case 'slowRest':
        faults.rest.delayMs = 1_500;
        later(fault.forMs, () => (faults.rest.delayMs = 0));
        break;
      case 'loseTrades':
        this.#loseTrades(fault.symbol, fault.forMs, fault.forGood);
        break;
      case 'oandaEnd':
      case 'oandaSilence':
      case 'oandaMaintenance':
      case 'oandaClosed':
      case 'oandaMalformed':
      case 'oandaRepeat':
        this.#applyToOanda(fault);
        break;
      default:
        assertNever(fault);
    }
  }

  /** The stream leaves trades out. `forGood`: history can't be read for a while, either. */
  #loseTrades(symbol: string, forMs: number, forGood: boolean): void {
    const { faults } = this.#binance;
    faults.ackButSilent(`${symbol.toLowerCase()}@trade`);
    const paths = ['/api/v3/historicalTrades', '/api/v3/trades', '/api/v3/aggTrades'];
    later(forMs, () => {
      faults.ackButSilent(null);
      if (forGood) for (const path of paths) faults.rest.nextStatus(500, { path, times: 8 });
    });
  }

  #applyToOanda(fault: Extract<VenueFault, { kind: `oanda${string}` }>): void {
    const { faults } = this.#oanda;
    switch (fault.kind) {
      case 'oandaEnd':
        void (fault.inMidLine ? faults.endInMidLine(fault.how) : faults.hangUp(fault.how));
        break;
      case 'oandaSilence':
        faults.stream.silence = true;
        later(fault.forMs, () => (faults.stream.silence = false));
        break;
      case 'oandaMaintenance':
        faults.maintenance = 503;
        void faults.hangUp('drop');
        later(fault.forMs, () => (faults.maintenance = null));
        break;
      case 'oandaClosed':
        this.#oanda.closeMarkets();
        later(fault.forMs, () => {
          this.#oanda.openMarkets();
        });
        break;
      case 'oandaMalformed':
        faults.malformed('{"type":"PRICE","time":"never"}\n');
        faults.unknownType();
        break;
      case 'oandaRepeat':
        for (const { id } of this.#oanda.accounts) faults.repeatPrice(id, 'EUR_USD');
        for (const { id } of this.#oanda.accounts) faults.olderPrice(id, 'EUR_USD');
        break;
      default:
        assertNever(fault);
    }
  }
}

function later(ms: number, task: () => void): void {
  setTimeout(task, ms);
}
