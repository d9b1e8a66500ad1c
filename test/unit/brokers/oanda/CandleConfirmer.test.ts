import { describe, expect, it } from 'vitest';
import { CandleConfirmer } from '../../../../src/brokers/oanda/CandleConfirmer.ts';
import type { Verdict } from '../../../../src/brokers/oanda/CandleConfirmer.ts';
import type { VenueCandle } from '../../../../src/brokers/oanda/restReplies.ts';
import type { CandleSpecification } from '../../../../src/brokers/oanda/restRequests.ts';
import { decimal } from '../../../../src/market/decimal.ts';
import { silentLogger } from '../../../../src/shared/logger.ts';
import { FakeClock } from '../../../support/FakeClock.ts';

const one = decimal('1');
const bar = { open: one, high: one, low: one, close: one, volume: one, tradeCount: null };
const candle = (openMs: number, complete: boolean): VenueCandle => ({ openMs, complete, bar });

type Answer = readonly VenueCandle[] | Error;

/** Each question is answered by the next of these; then by the last again. */
function confirmer(...answers: (Answer | 'never')[]) {
  const clock = new FakeClock();
  const asked: (readonly CandleSpecification[])[] = [];
  const fetchLatestCandles = (specifications: readonly CandleSpecification[], signal?: AbortSignal) => {
    const answer = answers[Math.min(asked.length, answers.length - 1)] ?? [];
    asked.push(specifications);
    if (answer === 'never') {
      return new Promise<never>((_resolve, reject) =>
        signal?.addEventListener('abort', () => reject(new Error('late'))),
      );
    }
    if (answer instanceof Error) return Promise.reject(answer);
    return Promise.resolve(specifications.map(() => answer));
  };
  const made = new CandleConfirmer({ rest: { fetchLatestCandles }, clock, logger: silentLogger() });
  const verdicts: Verdict[] = [];
  let isOpen = true;
  const ask = (openMs = 60_000, symbol = 'EUR_USD', isExpected = false): void => {
    const answer = (verdict: Verdict) => void verdicts.push(verdict);
    made.ask({ symbol, interval: '1m', openMs, isExpected, isOpen: () => isOpen, answer });
  };
  const leave = (): void => {
    isOpen = false;
  };
  return { clock, asked, verdicts, ask, made, leave };
}

describe('the answer of the venue about a candle that has ended', () => {
  it.each([
    ['the candle', [candle(60_000, true), candle(120_000, false)], { kind: 'candle', candle: candle(60_000, true) }],
    ['that there is none', [candle(0, true), candle(120_000, false)], { kind: 'none' }],
    ['too late', [candle(120_000, true), candle(180_000, false)], { kind: 'unknown' }],
  ])('is %s', async (_name, answer, verdict) => {
    const { clock, ask, verdicts, asked } = confirmer(answer);
    ask();
    await clock.advance(1_000);
    expect(verdicts).toEqual([verdict]);
    expect(asked).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it.each([
    ['the candle still grows there', [candle(60_000, false)]],
    ['nothing newer is there', [candle(0, true)]],
    ['nothing is there at all', []],
    ['the venue fails', new Error('not now')],
  ])('is asked for once more where %s', async (_name, answer) => {
    const { clock, ask, verdicts, asked } = confirmer(answer, [candle(60_000, true)]);
    ask();
    await clock.advance(1_000);
    expect(verdicts).toEqual([]);
    await clock.advance(2_000);
    expect(verdicts).toMatchObject([{ kind: 'candle' }]);
    expect(asked).toHaveLength(2);
  });

  it.each([
    ['calls the candle incomplete', [candle(60_000, false)], false],
    ['does not have yet what was streamed', [candle(0, true)], true],
  ])('is waited for as long as the venue %s', async (_name, answer, isExpected) => {
    const answers = Array<readonly VenueCandle[]>(9).fill(answer);
    const { clock, ask, verdicts, asked } = confirmer(...answers, [candle(60_000, true), candle(120_000, false)]);
    ask(60_000, 'EUR_USD', isExpected);
    await clock.advance(60_000);
    expect(verdicts).toEqual([]);
    expect(asked.length).toBeLessThan(9);
    await clock.advance(60_000);
    expect(verdicts).toMatchObject([{ kind: 'candle' }]);
    expect(clock.pending).toBe(0);
  });

  it('is not asked for any more when nobody waits for it', async () => {
    const { clock, ask, asked, leave } = confirmer([candle(60_000, false)]);
    ask();
    await clock.advance(1_000);
    leave();
    await clock.advance(600_000);
    expect(asked).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it('is that there is none if nothing of it was streamed and the venue has nothing new', async () => {
    const { clock, ask, verdicts } = confirmer([candle(0, true)]);
    ask();
    await clock.advance(10_000);
    expect(verdicts).toEqual([{ kind: 'none' }]);
    expect(clock.pending).toBe(0);
  });

  it('is unknown after that', async () => {
    const { clock, ask, verdicts, asked } = confirmer(new Error('not now'));
    ask();
    await clock.advance(10_000);
    expect(verdicts).toEqual([{ kind: 'unknown' }]);
    expect(asked).toHaveLength(2);
  });

  it('is unknown, too, when no answer comes in time, twice', async () => {
    const { clock, ask, verdicts } = confirmer('never');
    ask();
    await clock.advance(4_000);
    expect(verdicts).toEqual([]);
    await clock.advance(7_000);
    expect(verdicts).toEqual([{ kind: 'unknown' }]);
    expect(clock.pending).toBe(0);
  });

  it('is asked for all that ends together in one request', async () => {
    const { clock, ask, asked, verdicts } = confirmer([candle(60_000, true)]);
    for (const symbol of ['EUR_USD', 'USD_JPY', 'XAU_USD']) ask(60_000, symbol);
    await clock.advance(1_000);
    expect(asked.map((each) => each.map(({ symbol }) => symbol))).toEqual([['EUR_USD', 'USD_JPY', 'XAU_USD']]);
    expect(verdicts).toHaveLength(3);
  });

  it('is asked for in several requests if one would be too long', async () => {
    const { clock, ask, asked } = confirmer([candle(60_000, true)]);
    for (let count = 0; count < 450; count += 1) ask();
    await clock.advance(1_000);
    expect(asked.map(({ length }) => length)).toEqual([200, 200, 50]);
  });

  it('is not passed on after the end', async () => {
    const { clock, ask, verdicts, made } = confirmer('never');
    ask();
    await clock.advance(1_000);
    ask();
    made[Symbol.dispose]();
    ask();
    await clock.advance(10_000);
    expect(verdicts).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
