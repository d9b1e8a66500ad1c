/** The symbols that begin with the text come before those that only contain it, and short ones before long ones. */
export function rank<Found extends { readonly symbol: string }>(
  text: string,
  found: readonly Found[],
): readonly Found[] {
  const wanted = text.toUpperCase();
  const distance = ({ symbol }: Found): number => {
    const plain = symbol.toUpperCase();
    if (plain === wanted || plain.replaceAll('_', '') === wanted) return 0;
    return plain.startsWith(wanted) ? 1 : 2;
  };
  return found.toSorted((a, b) => distance(a) - distance(b) || a.symbol.length - b.symbol.length);
}
