interface Flight<T> {
  readonly promise: Promise<T>;
  readonly controller: AbortController;
  passengers: number;
}

/**
 * Callers who ask for the same thing while it is on its way share one piece of work. A caller whose signal is aborted leaves
 * alone; the work itself is aborted when the last one has left.
 */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();
  #closed: Error | null = null;

  /** Rejects as the work does, or with the reason of the caller's own signal. */
  async run(key: string, work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#closed !== null) throw this.#closed;
    signal?.throwIfAborted();
    const flight = this.#flights.get(key) ?? this.#depart(key, work);
    flight.passengers += 1;
    try {
      return await unlessAborted(flight.promise, signal);
    } finally {
      flight.passengers -= 1;
      if (flight.passengers === 0 && this.#flights.get(key) === flight) {
        this.#flights.delete(key);
        flight.controller.abort();
      }
    }
  }

  /** Aborts all that is on its way with this reason, and refuses what comes later; resolves when nothing is left. */
  async close(reason: Error): Promise<void> {
    this.#closed = reason;
    const flights = [...this.#flights.values()];
    for (const { controller } of flights) controller.abort(reason);
    await Promise.allSettled(flights.map(({ promise }) => promise));
  }

  #depart(key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController();
    const promise = work(controller.signal).finally(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    // Where every passenger has left, nobody else hears how it ended.
    promise.catch(() => {});
    const flight: Flight<T> = { promise, controller, passengers: 0 };
    this.#flights.set(key, flight);
    return flight;
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const leave = (): void => {
    reject(signal.reason);
  };
  signal.addEventListener('abort', leave, { once: true });
  return Promise.race([promise, aborted]).finally(() => {
    signal.removeEventListener('abort', leave);
  });
}
