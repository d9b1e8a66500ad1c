import type { Gateway } from './world/Gateway.ts';
import type { Sample } from './world/samples.ts';

const EVERY_MS = 5_000;
/** The memory for clients who come back has filled after two minutes, and everything else soon after. */
const WARM_UP_MS = 240_000;
/** A shorter life says nothing about growth. */
const LIFE_MS = 900_000;
const GROWTH = 1.05;
/** A small heap moves by so much from one collection to the next. */
const HEAP_SLACK_MB = 2;
const MEDIAN_OF = 6;

export interface MemoryVerdict {
  readonly warm: Sample | null;
  readonly end: Sample | null;
  /** CPU time of each event that was written to a client, in microseconds, over all lives. */
  readonly cpuPerEventUs: number;
  /** Null if the last life was too short. */
  readonly isFine: boolean | null;
  readonly text: string;
}

/** Judges a life of the gateway by its memory after garbage collections: when it was warm, and at the end. */
export function judgeMemory(
  livedMs: number,
  warm: Sample | null,
  end: Sample | null,
): Pick<MemoryVerdict, 'isFine' | 'text'> {
  const life = `the last life of ${Math.round(livedMs / 1_000)} s`;
  if (livedMs < LIFE_MS) return { isFine: null, text: `${life} is too short to judge memory by` };
  if (warm === null || end === null) return { isFine: false, text: `${life} could not be measured` };
  const isFine = end.rssMb <= warm.rssMb * GROWTH && end.heapMb <= warm.heapMb * GROWTH + HEAP_SLACK_MB;
  return { isFine, text: isFine ? `memory is as it was in ${life}` : `memory has grown by more than 5 % in ${life}` };
}

/** Samples the gateway's memory, handles and timers, and compares the end of its last life with what it was when warm. */
export class MemoryWatch {
  readonly #gateway: Gateway;
  #life = 0;
  #samples: Sample[] = [];
  #warm: Sample | null = null;
  #cpuS = 0;
  #events = 0;
  #last: Sample | null = null;
  #timer: NodeJS.Timeout | null = null;
  #work: Promise<void> = Promise.resolve();

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#work = this.#work.then(() => this.#sample());
    }, EVERY_MS);
  }

  async end(): Promise<MemoryVerdict> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#work;
    const livedMs = performance.now() - this.#gateway.startedAtMs;
    const end = livedMs < LIFE_MS ? await this.#gateway.sample() : await this.#measured();
    const warm = this.#warm;
    const cpuPerEventUs = (this.#cpuS * 1e6) / Math.max(1, this.#events);
    return { warm, end, cpuPerEventUs, ...judgeMemory(livedMs, warm, end) };
  }

  async #sample(): Promise<void> {
    if (this.#life !== this.#gateway.lives) {
      this.#life = this.#gateway.lives;
      this.#samples = [];
      this.#warm = null;
      this.#last = null;
    }
    const livedMs = performance.now() - this.#gateway.startedAtMs;
    if (this.#warm === null && livedMs > WARM_UP_MS) this.#warm = await this.#measured();
    const sample = await this.#gateway.sample();
    if (sample === null) return;
    // Counters begin anew with each life.
    if (this.#last !== null && sample.cpuS >= this.#last.cpuS) {
      this.#cpuS += sample.cpuS - this.#last.cpuS;
      this.#events += sample.events - this.#last.events;
    }
    this.#last = sample;
    this.#samples.push(sample);
    if (this.#samples.length > MEDIAN_OF) this.#samples.shift();
  }

  /** Memory after garbage collections; handles and timers are the medians of the last samples. */
  async #measured(): Promise<Sample | null> {
    for (let round = 0; round < 2; round += 1) await this.#gateway.collectGarbage();
    const now = await this.#gateway.sample();
    if (now === null) return null;
    const median = (of: (sample: Sample) => number): number =>
      [...this.#samples, now].map(of).toSorted((a, b) => a - b)[Math.floor(this.#samples.length / 2)] ?? of(now);
    return { ...now, resources: median((sample) => sample.resources), timers: median((sample) => sample.timers) };
  }
}
