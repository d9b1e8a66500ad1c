import { GatewayError } from '../../shared/errors.ts';
import type { ClientAddress } from '../client.ts';
import type { LoggedIn } from './ApiKeyRing.ts';

/** Counts the connections of each API key that has bounds of its own for them: all together, and from each address. */
export class KeyConnections {
  readonly #open = new Map<string, number>();

  /** A place for one connection, held until disposed of. Throws LIMIT_EXCEEDED. */
  take({ principal, limits }: LoggedIn, { address }: ClientAddress): Disposable {
    using places = new DisposableStack();
    if (principal.kind === 'apiKey') {
      const { id } = principal;
      places.use(this.#place(id, limits?.connections, 'at a time'));
      places.use(this.#place(`${id} ${address}`, limits?.connectionsPerAddress, 'at a time from one address'));
    }
    return places.move();
  }

  #place(name: string, most: number | undefined, when: string): Disposable | null {
    if (most === undefined) return null;
    const open = this.#open.get(name) ?? 0;
    if (open >= most) throw new GatewayError('LIMIT_EXCEEDED', `This API key may have ${most} connections ${when}.`);
    this.#open.set(name, open + 1);
    const place = new DisposableStack();
    place.defer(() => {
      this.#release(name);
    });
    return place;
  }

  #release(name: string): void {
    const open = (this.#open.get(name) ?? 1) - 1;
    if (open === 0) this.#open.delete(name);
    else this.#open.set(name, open);
  }
}
