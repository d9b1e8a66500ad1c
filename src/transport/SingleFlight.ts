interface Flight<T, Passenger> {
  readonly promise: Promise<T>;
  readonly controller: AbortController;
  readonly passengers: Set<Passenger>;
}

/** A caller that waits leaves when its signal is aborted. */
interface Leaving {
  readonly signal?: AbortSignal | undefined;
}

/** Does the work; `passengers` is a live set of the callers that wait for it. */
type Work<T, Passenger> = (signal: AbortSignal, passengers: ReadonlySet<Passenger>) => Promise<T>;

/**
 * Callers who ask for the same thing while the work for it is under way share that work. A caller whose signal is
 * aborted leaves alone; the work itself is aborted when the last one has left.
 */
export class SingleFlight<T, Passenger extends Leaving = Leaving> {
  readonly #flights = new Map<string, Flight<T, Passenger>>();
  #closed: Error | null = null;

  /** Rejects as the work does, or with the reason of the caller's own signal. */
  async run(key: string, work: Work<T, Passenger>, passenger: Passenger): Promise<T> {
    if (this.#closed !== null) throw this.#closed;
    const { signal } = passenger;
    signal?.throwIfAborted();
    const flight = this.#flights.get(key) ?? this.#depart(key, work, passenger);
    flight.passengers.add(passenger);
    try {
      return await unlessAborted(flight.promise, signal);
    } finally {
      flight.passengers.delete(passenger);
      if (flight.passengers.size === 0 && this.#flights.get(key) === flight) {
        this.#flights.delete(key);
        flight.controller.abort();
      }
    }
  }

  /** Aborts all work with this reason, and refuses later calls; resolves when nothing is left. */
  async close(reason: Error): Promise<void> {
    this.#closed = reason;
    const flights = [...this.#flights.values()];
    for (const { controller } of flights) controller.abort(reason);
    await Promise.allSettled(flights.map(({ promise }) => promise));
  }

  #depart(key: string, work: Work<T, Passenger>, first: Passenger): Flight<T, Passenger> {
    const controller = new AbortController();
    const passengers = new Set([first]);
    const promise = work(controller.signal, passengers).finally(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    // If every passenger has left, nobody else handles a rejection.
    promise.catch(() => {});
    const flight: Flight<T, Passenger> = { promise, controller, passengers };
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
