import { DeflateChain } from './DeflateChain.ts';
import type { Encoder } from './PerEncoder.ts';

/** Of one stream, for those who see it alike: what was told before, for each encoder. */
export class DeflateChains {
  readonly #chains = new WeakMap<Encoder, DeflateChain>();

  of(encoder: Encoder): DeflateChain {
    const chain = this.#chains.get(encoder) ?? new DeflateChain();
    this.#chains.set(encoder, chain);
    return chain;
  }
}
