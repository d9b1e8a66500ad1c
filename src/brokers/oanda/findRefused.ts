/** Whether the venue quotes all of these. */
export type AskQuotes = (symbols: readonly string[]) => Promise<boolean>;

/**
 * Which of these symbols the venue does not quote, though it lists them: one bad name makes it refuse a whole request. Halves
 * what is refused until the bad ones are alone.
 */
export async function findRefused(symbols: readonly string[], ask: AskQuotes): Promise<readonly string[]> {
  if (symbols.length === 0 || (await ask(symbols))) return [];
  if (symbols.length === 1) return symbols;
  const middle = Math.ceil(symbols.length / 2);
  return [...(await findRefused(symbols.slice(0, middle), ask)), ...(await findRefused(symbols.slice(middle), ask))];
}
