type Fact<T> = T | undefined | null | false;

/**
 * Resolves with the value of `probe` as soon as that is neither undefined, null nor false; rejects after the deadline.
 */
export async function waitFor<T>(
  probe: () => Fact<T> | Promise<Fact<T>>,
  what = 'the expected fact',
  deadlineMs = 10_000,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const fact = await probe();
    if (fact !== undefined && fact !== null && fact !== false) return fact;
    if (performance.now() > end) throw new Error(`waited ${deadlineMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
