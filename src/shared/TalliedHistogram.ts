import type { Histogram, Registry } from 'prom-client';

export interface TalliedHistogramOptions<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly label: Label;
  /** Upper bounds, ascending; the one without a bound is understood. */
  readonly buckets: readonly number[];
  readonly registry: Registry;
}

/** What was observed under one value of the label. */
class Tally {
  readonly counts: number[];
  sum = 0;
  readonly #buckets: readonly number[];

  constructor(buckets: readonly number[]) {
    this.#buckets = buckets;
    this.counts = Array.from({ length: buckets.length + 1 }, () => 0);
  }

  observe(value: number): void {
    const buckets = this.#buckets;
    let at = 0;
    while (at < buckets.length && value > (buckets[at] ?? 0)) at += 1;
    this.counts[at] = (this.counts[at] ?? 0) + 1;
    this.sum += value;
  }
}

interface Line {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/**
 * A histogram of one label for what is observed hundreds of thousands of times a second. That of prom-client checks and
 * joins the labels for each of them; this one is the same to its registry, and to whoever reads it.
 */
export class TalliedHistogram<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly labelNames: readonly Label[];
  readonly #options: TalliedHistogramOptions<Label>;
  readonly #tallies = new Map<string, Tally>();

  constructor(options: TalliedHistogramOptions<Label>) {
    this.#options = options;
    this.name = options.name;
    this.help = options.help;
    this.labelNames = [options.label];
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a registry reads name, help, type and values only
    options.registry.registerMetric(this as unknown as Histogram<Label>);
  }

  /** Whoever observes often keeps it. */
  labels(labels: Readonly<Record<Label, string>>): Tally {
    const value = labels[this.#options.label];
    const known = this.#tallies.get(value);
    if (known !== undefined) return known;
    const tally = new Tally(this.#options.buckets);
    this.#tallies.set(value, tally);
    return tally;
  }

  observe(labels: Readonly<Record<Label, string>>, value: number): void {
    this.labels(labels).observe(value);
  }

  /** As the registry asks for it. */
  get(): Promise<{ readonly name: string; readonly help: string; readonly type: string; readonly values: Line[] }> {
    const { name, help, type } = this;
    const values = [...this.#tallies].flatMap(([label, tally]) => this.#lines(label, tally));
    return Promise.resolve({ name, help, type, values });
  }

  #lines(labelValue: string, { counts, sum }: Tally): Line[] {
    const { name, label, buckets } = this.#options;
    const own = { [label]: labelValue };
    let count = 0;
    const bounded = counts.map((each, at) => {
      count += each;
      return { metricName: `${name}_bucket`, labels: { le: buckets[at] ?? '+Inf', ...own }, value: count };
    });
    return [
      ...bounded,
      { metricName: `${name}_sum`, labels: own, value: sum },
      { metricName: `${name}_count`, labels: own, value: count },
    ];
  }
}
