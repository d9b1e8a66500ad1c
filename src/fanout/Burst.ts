import type { StreamKey } from '../market/streamKey.ts';
import type { Delivery, Emission } from './Emission.ts';
import { PerEncoder } from './PerEncoder.ts';
import type { Encoder } from './PerEncoder.ts';
import { SharedFrames } from './SharedFrames.ts';

/** Several events of one stream that came in one turn: their frames are gathered once, for all who get them. */
export class Burst implements Delivery {
  readonly emissions: readonly [Emission, ...Emission[]];
  readonly #frames = new PerEncoder(
    (encoder) => new SharedFrames(this.emissions.flatMap((emission) => emission.frames(encoder).payloads)),
  );

  constructor(emissions: readonly [Emission, ...Emission[]]) {
    this.emissions = emissions;
  }

  get key(): StreamKey {
    return this.emissions[0].key;
  }

  frames(encoder: Encoder): SharedFrames {
    return this.#frames.get(encoder);
  }
}
