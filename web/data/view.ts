import { computed, effect, signal } from '@preact/signals';
import { brokers } from './brokers.ts';
import { firstInstruments } from './instruments.ts';
import { fromHash, keyOf, MAX_WATCHED, toHash, unique } from './viewLink.ts';
import type { Listed, View } from './viewLink.ts';

/** The view of the page. The address carries it, so that a copied link shows the same. */
export const view = signal<View>(fromHash(location.hash));

export const shown = computed(() => view.value.shown);
export const interval = computed(() => view.value.interval);
export const watched = computed(() => view.value.watched ?? []);

export function show(listed: Listed): void {
  view.value = { ...view.value, shown: { broker: listed.broker, symbol: listed.symbol } };
}

export function isWatched(listed: Listed): boolean {
  return watched.value.some((entry) => keyOf(entry) === keyOf(listed));
}

export function watch({ broker, symbol }: Listed): void {
  view.value = { ...view.value, watched: unique([...watched.value, { broker, symbol }]).slice(-MAX_WATCHED) };
}

export function unwatch(listed: Listed): void {
  view.value = { ...view.value, watched: watched.value.filter((entry) => keyOf(entry) !== keyOf(listed)) };
}

/** Keeps the address and the view the same, and finds something to show. The page calls it once. */
export function followAddress(): void {
  effect(() => {
    const hash = toHash(view.value);
    if (hash !== location.hash.replace(/^#/, ''))
      history.replaceState(null, '', hash === '' ? location.pathname : `#${hash}`);
  });
  addEventListener('hashchange', () => {
    view.value = complete(fromHash(location.hash), view.value);
  });
  effect(() => {
    const known = brokers.value;
    if (known !== null && (view.value.shown === null || view.value.watched === null)) void begin();
  });
}

/** Fills what a link does not say. */
async function begin(): Promise<void> {
  const found = unique(await firstInstruments(brokers.peek() ?? []));
  if (found.length === 0) return;
  const { shown: chosen, watched: list, ...rest } = view.peek();
  const entries = found.map(({ broker, symbol }) => ({ broker, symbol }));
  view.value = { ...rest, shown: chosen ?? entries[0] ?? null, watched: list ?? entries.slice(0, MAX_WATCHED) };
}

function complete(next: View, before: View): View {
  return { ...next, shown: next.shown ?? before.shown, watched: next.watched ?? before.watched };
}
