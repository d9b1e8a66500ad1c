/** The page's only timers, readings of time, and chance. */
export const pageClock = {
  /** Milliseconds that never go back. */
  monotonic(): number {
    return performance.now();
  },

  /** Milliseconds since 1970, as this machine's clock says. */
  now(): number {
    return Date.now();
  },

  /** From 0 up to 1. */
  random(): number {
    return Math.random();
  },

  after(ms: number, run: () => void): Disposable {
    const timer = setTimeout(run, ms);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },

  every(ms: number, run: () => void): Disposable {
    const timer = setInterval(run, ms);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  },
};
