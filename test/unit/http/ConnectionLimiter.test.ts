import { describe, expect, it } from 'vitest';
import { ConnectionLimiter } from '../../../src/http/ConnectionLimiter.ts';

function admit(limiter: ConnectionLimiter, address: string): Disposable {
  const admission = limiter.admit(address);
  if (!admission.admitted) throw new Error(`refused: ${admission.full}`);
  return admission.lease;
}

describe('the limits of connections', () => {
  it('hold for each address and for all together', () => {
    const limiter = new ConnectionLimiter({ connections: 3, connectionsPerAddress: 2 });
    admit(limiter, 'a');
    admit(limiter, 'a');
    expect(limiter.admit('a')).toEqual({ admitted: false, full: 'address' });
    admit(limiter, 'b');
    expect(limiter.admit('c')).toEqual({ admitted: false, full: 'gateway' });
    expect(limiter.total).toBe(3);
  });

  it('a lease given back makes room, once however often', () => {
    const limiter = new ConnectionLimiter({ connections: 2, connectionsPerAddress: 1 });
    const lease = admit(limiter, 'a');
    admit(limiter, 'b');
    lease[Symbol.dispose]();
    lease[Symbol.dispose]();
    expect(limiter.total).toBe(1);
    admit(limiter, 'a');
    expect(limiter.admit('c')).toEqual({ admitted: false, full: 'gateway' });
  });

  it('that are lowered hold for those who come', () => {
    const limits = { connections: 5, connectionsPerAddress: 5 };
    const limiter = new ConnectionLimiter(limits);
    admit(limiter, 'a');
    limits.connections = 1;
    expect(limiter.admit('b')).toEqual({ admitted: false, full: 'gateway' });
  });
});
