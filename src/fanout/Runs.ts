import type { Audience } from './Audience.ts';
import { Burst } from './Burst.ts';
import type { Emission } from './Emission.ts';
import type { Spread, Turn } from './Turn.ts';

/** Frames of so many events are gathered at most. */
const MAX_RUN = 64;

/** What one audience gets in one turn, as long as nothing for anybody else comes between. */
class Run implements Spread {
  readonly #audience: Audience;
  readonly #emissions: [Emission, ...Emission[]];
  #handed = false;

  constructor(audience: Audience, first: Emission) {
    this.#audience = audience;
    this.#emissions = [first];
  }

  get isHanded(): boolean {
    return this.#handed;
  }

  /** False where the emission can't be a part of it any more. */
  add(audience: Audience, emission: Emission): boolean {
    if (this.#handed || this.#audience !== audience || this.#emissions.length >= MAX_RUN) return false;
    this.#emissions.push(emission);
    return true;
  }

  hand(): void {
    this.#handed = true;
    const emissions = this.#emissions;
    const delivery = emissions.length === 1 ? emissions[0] : new Burst(emissions);
    for (const subscriber of this.#audience.subscribers) subscriber.deliver(delivery);
  }
}

/** What has been published and is to be handed out at the end of the turn: all that came for one audience together. */
export class Runs {
  readonly #turn: Pick<Turn, 'spread' | 'end'>;
  #last: Run | null = null;

  constructor(turn: Pick<Turn, 'spread' | 'end'>) {
    this.#turn = turn;
  }

  add(audience: Audience, emission: Emission): void {
    if (this.#last?.add(audience, emission) === true) return;
    this.#last = new Run(audience, emission);
    this.#turn.spread(this.#last);
  }

  /** What was published before is handed out before anything else happens. */
  handOut(): void {
    if (this.#last?.isHanded === false) this.#turn.end();
  }
}
