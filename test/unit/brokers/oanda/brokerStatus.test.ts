import { describe, expect, it } from 'vitest';
import { brokerStatus } from '../../../../src/brokers/oanda/brokerStatus.ts';
import type { BrokerParts } from '../../../../src/brokers/oanda/brokerStatus.ts';

const waiting = { kind: 'waiting', delayMs: 5, reason: 'no' } as const;
const connecting = { kind: 'connecting', attempt: 2 } as const;

describe('how the broker stands', () => {
  it.each([
    [
      'what is refused serves nobody',
      { refusal: 'bad token', stream: { kind: 'open' } },
      { kind: 'degraded', reason: 'bad token' },
    ],
    ['without instruments it connects', { catalog: { kind: 'asked', attempt: 3 } }, { kind: 'connecting', attempt: 3 }],
    ['or waits', { catalog: waiting }, waiting],
    ['with them, and no stream wanted, it is connected', {}, { kind: 'connected' }],
    ['with a stream it stands as that does', { stream: { kind: 'open' } }, { kind: 'connected' }],
    ['connecting', { stream: connecting }, connecting],
    ['or waiting', { stream: waiting }, waiting],
  ] as const satisfies readonly (readonly [string, Partial<BrokerParts>, object])[])('%s', (_name, parts, expected) => {
    expect(brokerStatus({ refusal: null, catalog: { kind: 'known' }, stream: null, ...parts })).toEqual(expected);
  });
});
