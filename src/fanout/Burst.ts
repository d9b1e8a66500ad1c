import type { MarketData, StreamKey } from '../market/marketData.ts';
import { Delivery } from './Emission.ts';
import type { Emission } from './Emission.ts';
import type { Encoder } from './PerEncoder.ts';
import { SharedFrames } from './SharedFrames.ts';

/** Several events of one stream that came in one turn: their frames are gathered once, for all who get them. */
export class Burst extends Delivery {
  readonly emissions: readonly [Emission, ...Emission[]];

  constructor(emissions: readonly [Emission, ...Emission[]]) {
    super();
    this.emissions = emissions;
  }

  get key(): StreamKey {
    return this.emissions[0].key;
  }

  get type(): MarketData['type'] {
    return this.emissions[0].type;
  }

  get size(): number {
    return this.emissions.length;
  }

  get last(): Emission {
    return this.emissions.at(-1) ?? this.emissions[0];
  }

  get isLive(): boolean {
    return this.emissions[0].isLive;
  }

  protected override encode(encoder: Encoder): SharedFrames {
    return new SharedFrames(this.emissions.flatMap((emission) => emission.frames(encoder).payloads));
  }
}
