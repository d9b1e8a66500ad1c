/** Adds `amount` to the sum that is kept under `key`. A sum of 0 is removed from the map. */
export function addTo<Key>(sums: Map<Key, number>, key: Key, amount: number): void {
  const sum = (sums.get(key) ?? 0) + amount;
  if (sum === 0) sums.delete(key);
  else sums.set(key, sum);
}
