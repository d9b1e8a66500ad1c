import type { MarketData } from '../market/marketData.ts';
import type { StreamKey } from '../market/streamKey.ts';
import type { ClientProtocol } from '../shared/metrics.ts';
import type { Emission } from './Emission.ts';
import { PerEncoder } from './PerEncoder.ts';
import type { Encoder } from './PerEncoder.ts';
import type { SharedFrames } from './SharedFrames.ts';

/** Events of one stream, in order, as they come to its subscribers: at least one. */
export abstract class Delivery {
  abstract readonly key: StreamKey;
  abstract readonly type: MarketData['type'];
  abstract readonly size: number;
  abstract readonly emissions: readonly Emission[];
  abstract readonly last: Emission;
  /** False for what was known before: its age says nothing of how fast it is told. */
  abstract readonly isLive: boolean;
  readonly #frames = new PerEncoder<SharedFrames>();
  #told: ClientProtocol[] | null = null;

  /** Their frames for the clients that this encoder serves. */
  frames(encoder: Encoder): SharedFrames {
    if (!encoder.isShared) return this.encode(encoder);
    return this.#frames.get(encoder) ?? this.#frames.add(encoder, this.encode(encoder));
  }

  /** True once for each protocol whose clients are told of it, where it is live. */
  firstTold(protocol: ClientProtocol): boolean {
    if (!this.isLive || this.#told?.includes(protocol) === true) return false;
    this.#told ??= [];
    this.#told.push(protocol);
    return true;
  }

  protected abstract encode(encoder: Encoder): SharedFrames;
}
