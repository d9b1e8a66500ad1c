import type { Limits } from '../core/Limits.ts';

export type Admission =
  | { readonly admitted: true; readonly lease: Disposable }
  | { readonly admitted: false; readonly full: 'gateway' | 'address' };

/** Counts connections, all together and for each address. The limits are read at each admission: they may change. */
export class ConnectionLimiter {
  readonly #limits: Pick<Limits, 'connections' | 'connectionsPerAddress'>;
  readonly #byAddress = new Map<string, number>();
  #total = 0;

  constructor(limits: Pick<Limits, 'connections' | 'connectionsPerAddress'>) {
    this.#limits = limits;
  }

  /** Connections open now. */
  get total(): number {
    return this.#total;
  }

  /** Whoever is admitted disposes of the lease when the connection ends. */
  admit(address: string): Admission {
    const count = this.#byAddress.get(address) ?? 0;
    if (this.#total >= this.#limits.connections) return { admitted: false, full: 'gateway' };
    if (count >= this.#limits.connectionsPerAddress) return { admitted: false, full: 'address' };
    this.#total += 1;
    this.#byAddress.set(address, count + 1);
    const lease = new DisposableStack();
    lease.defer(() => {
      this.#release(address);
    });
    return { admitted: true, lease };
  }

  #release(address: string): void {
    this.#total -= 1;
    const count = (this.#byAddress.get(address) ?? 1) - 1;
    if (count === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, count);
  }
}
