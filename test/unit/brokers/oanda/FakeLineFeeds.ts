import type {
  HttpLineFeedOptions,
  HttpRefusal,
  LineFeed,
  LineFeedEnd,
} from '../../../../src/transport/HttpLineFeed.ts';

/** A stream that a test plays the other end of. */
export class FakeLineFeed implements LineFeed {
  readonly url: string;
  readonly names: readonly string[];
  readonly #options: HttpLineFeedOptions;
  readonly #ended = Promise.withResolvers<LineFeedEnd>();
  readonly #gone = Promise.withResolvers<void>();
  #alive = true;

  constructor(options: HttpLineFeedOptions) {
    this.#options = options;
    this.url = options.target().url;
    this.names = (new URL(this.url).searchParams.get('instruments') ?? '').split(',');
  }

  get alive(): boolean {
    return this.#alive;
  }

  get ended(): Promise<LineFeedEnd> {
    return this.#ended.promise;
  }

  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** False: it was refused. */
  line(message: object): boolean {
    return this.text(JSON.stringify(message));
  }

  text(line: string): boolean {
    if (!this.#alive) throw new Error('a line over a stream that has ended');
    this.#options.listener.onActivity();
    const accepted = this.#options.listener.onLine(line);
    if (!accepted) this.#options.listener.onInvalid();
    return accepted;
  }

  heartbeat(time = '2026-01-02T03:04:05Z'): void {
    this.line({ type: 'HEARTBEAT', time });
  }

  price(instrument: string, time = '2026-01-02T03:04:05Z', fields: object = {}): boolean {
    const [bids, asks] = ['1.1', '1.2'].map((price) => [{ price, liquidity: '1' }]);
    return this.line({ type: 'PRICE', instrument, time, bids, asks, tradeable: true, ...fields });
  }

  /** A price of each instrument, as the venue begins. */
  snapshot(time?: string): void {
    for (const name of this.names) this.price(name, time);
  }

  drop(reason = 'dropped', refusal: HttpRefusal | null = null, retryAfterMs = 0): void {
    this.#alive = false;
    this.#ended.resolve({ reason, retryAfterMs, refusal });
    this.#gone.resolve();
  }

  refuse(status: number, text = '', retryAfterMs = 0, isPage = false): void {
    this.drop(`HTTP ${status}`, { status, text, isPage }, retryAfterMs);
  }

  end(reason: string): void {
    this.drop(reason);
  }
}

/** In place of real streams: every one that was opened, in order. */
export class FakeLineFeeds {
  readonly all: FakeLineFeed[] = [];

  readonly open = (options: HttpLineFeedOptions): LineFeed => {
    const feed = new FakeLineFeed(options);
    this.all.push(feed);
    return feed;
  };

  get last(): FakeLineFeed {
    const feed = this.all.at(-1);
    if (feed === undefined) throw new Error('no stream was opened');
    return feed;
  }

  get alive(): FakeLineFeed[] {
    return this.all.filter(({ alive }) => alive);
  }
}
