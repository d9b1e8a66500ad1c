import { GatewayError } from '../../shared/errors.ts';
import type { LoggedIn } from './ApiKeyRing.ts';

/** Counts the connections of each API key that has a bound of its own for them. */
export class KeyConnections {
  readonly #open = new Map<string, number>();

  /** A place for one connection, held until disposed of. Throws LIMIT_EXCEEDED. */
  take({ principal, limits }: LoggedIn): Disposable {
    const most = limits?.connections;
    if (principal.kind !== 'apiKey' || most === undefined) return { [Symbol.dispose]: () => undefined };
    const { id } = principal;
    const open = this.#open.get(id) ?? 0;
    if (open >= most) throw new GatewayError('LIMIT_EXCEEDED', `This API key may have ${most} connections at a time.`);
    this.#open.set(id, open + 1);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.#release(id);
        held = false;
      },
    };
  }

  #release(id: string): void {
    const open = (this.#open.get(id) ?? 1) - 1;
    if (open === 0) this.#open.delete(id);
    else this.#open.set(id, open);
  }
}
