import { describe, expect, it } from 'vitest';
import { oandaStatus } from '../../../../src/brokers/oanda/oandaStatus.ts';
import type { OandaParts } from '../../../../src/brokers/oanda/oandaStatus.ts';

const waiting = { kind: 'waiting', delayMs: 5, reason: 'no' } as const;
const connecting = { kind: 'connecting', attempt: 2 } as const;

describe('the status of the broker', () => {
  it.each([
    [
      'what is refused serves nobody',
      { refusal: 'bad token', stream: { kind: 'open' } },
      { kind: 'degraded', reason: 'bad token' },
    ],
    ['without instruments it connects', { catalog: { kind: 'asked', attempt: 3 } }, { kind: 'connecting', attempt: 3 }],
    ['or waits', { catalog: waiting }, waiting],
    ['with them, and no stream wanted, it is connected', {}, { kind: 'connected' }],
    ['with a stream it has the state of that', { stream: { kind: 'open' } }, { kind: 'connected' }],
    ['connecting', { stream: connecting }, connecting],
    ['or waiting', { stream: waiting }, waiting],
  ] as const satisfies readonly (readonly [string, Partial<OandaParts>, object])[])('%s', (_name, parts, expected) => {
    expect(oandaStatus({ refusal: null, catalog: { kind: 'known' }, stream: null, ...parts })).toEqual(expected);
  });
});
