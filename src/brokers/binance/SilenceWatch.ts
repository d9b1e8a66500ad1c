import { ArrivalPace } from '../../transport/ArrivalPace.ts';

/** A connection without any frame for this time, pings included, counts as silent. */
const SILENT_AFTER_MS = 30_000;
/** Silence means something on a connection whose data normally comes at least this often in `staleAfterMs`. */
const BUSY_ARRIVALS = 3;

/** Notices when a whole connection has fallen silent. Frames are only counted; the silence is measured now and then. */
export class SilenceWatch {
  readonly #staleAfterMs: number;
  readonly #pace = new ArrivalPace();
  #data = 0;
  #frames = 0;
  #noFrameMs = 0;

  constructor({ staleAfterMs }: { readonly staleAfterMs: number }) {
    this.#staleAfterMs = staleAfterMs;
  }

  /** As of the last sample. */
  get isSilent(): boolean {
    const isBusy = this.#pace.meanGapMs * BUSY_ARRIVALS < this.#staleAfterMs;
    return (isBusy && this.#pace.silentMs >= this.#staleAfterMs) || this.#noFrameMs >= SILENT_AFTER_MS;
  }

  noteFrame(): void {
    this.#frames += 1;
  }

  /** To be called for a frame with market data, beside `noteFrame`. */
  noteData(): void {
    this.#data += 1;
  }

  /** A connection has just opened: there was no silence before. */
  forgive(): void {
    this.#noFrameMs = 0;
    this.#pace.forgive();
  }

  sample(elapsedMs: number): void {
    this.#pace.sample(this.#data, elapsedMs);
    this.#noFrameMs = this.#frames === 0 ? this.#noFrameMs + elapsedMs : 0;
    this.#data = 0;
    this.#frames = 0;
  }
}
