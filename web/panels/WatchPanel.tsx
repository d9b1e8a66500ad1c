import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { synthetic } from '../data/brokers.ts';
import { watched } from '../data/view.ts';
import type { Listed } from '../data/viewLink.ts';
import { Synthetic } from '../ui/Panel.tsx';
import { WatchGroup } from './WatchGroup.tsx';

/** The symbols that a person follows, of all brokers. */
export function WatchPanel(): JSX.Element {
  const groups = Map.groupBy(watched.value, ({ broker }: Listed) => broker);
  const brokers = [...groups.keys()];
  const isSynthetic = brokers.some((broker) => synthetic.value.has(broker));
  const isOpen = useSignal(true);
  return (
    <section class="panel watch" aria-labelledby="watch-title">
      <header class="panel-head">
        <h2 id="watch-title">Watch list</h2>
        {isSynthetic ? <Synthetic /> : null}
        <span class="room" />
        <button
          type="button"
          class="tool narrow-only"
          aria-expanded={isOpen.value}
          aria-controls="watch-rows"
          onClick={() => {
            isOpen.value = !isOpen.value;
          }}
        >
          {isOpen.value ? 'Hide' : 'Show'}
        </button>
      </header>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- What scrolls has to be reachable by keys. */}
      <div
        class="scroll"
        id="watch-rows"
        tabIndex={0}
        role="region"
        aria-label="Watched symbols"
        hidden={!isOpen.value}
      >
        {brokers.length === 0 ? <p class="waiting">Search for a symbol, and press Shift + Enter to watch it.</p> : null}
        {brokers.map((broker) => {
          const symbols = (groups.get(broker) ?? []).map(({ symbol }) => symbol);
          return <WatchGroup key={JSON.stringify([broker, symbols])} broker={broker} symbols={symbols} />;
        })}
      </div>
    </section>
  );
}
