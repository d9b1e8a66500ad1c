import { describe, expect, it } from 'vitest';
import { brokerStatus } from '../../../../src/brokers/binance/brokerStatus.ts';

const open = { kind: 'open' } as const;
const connecting = { kind: 'connecting', attempt: 3 } as const;
const waiting = { kind: 'waiting', delayMs: 900, reason: 'lost' } as const;

describe('brokerStatus', () => {
  it.each([
    ['connected when every socket is up and the instruments are known', [open, open], true, { kind: 'connected' }],
    ['degraded while the instruments are not known', [open], false, { kind: 'degraded' }],
    ['degraded while some sockets are down', [open, waiting], true, { kind: 'degraded' }],
    ['connecting while one tries and none is up', [waiting, connecting], true, connecting],
    ['waiting as long as the one that tries next', [{ ...waiting, delayMs: 2_000 }, waiting], true, waiting],
  ])('%s', (_, sockets, catalogKnown, expected) => {
    expect(brokerStatus(sockets, catalogKnown)).toMatchObject(expected);
  });
});
