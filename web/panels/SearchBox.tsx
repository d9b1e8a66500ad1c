import type { JSX, RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { synthetic } from '../data/brokers.ts';
import type { Instrument } from '../data/instruments.ts';
import { InstrumentSearch } from '../data/InstrumentSearch.ts';
import { show, watch } from '../data/view.ts';
import { keyOf } from '../data/viewLink.ts';
import { announce } from '../ui/announce.tsx';

type Choose = (instrument: Instrument | undefined, isForWatching: boolean) => void;

/** One box for the instruments of all brokers. The key `/` leads here from anywhere. */
export function SearchBox(): JSX.Element {
  const [search] = useState(() => new InstrumentSearch());
  const box = useRef<HTMLInputElement>(null);
  useSlash(box);
  const choose: Choose = (instrument, isForWatching) => {
    if (instrument === undefined) return;
    if (isForWatching) {
      watch(instrument);
      announce(`${instrument.symbol} is in the watch list`);
      return;
    }
    show(instrument);
    search.close();
    box.current?.blur();
  };
  const { text, found, active, isOpen } = search;
  return (
    <div class="search" role="search">
      <input
        ref={box}
        type="text"
        role="combobox"
        aria-label="Search the instruments of all brokers"
        aria-expanded={isOpen.value}
        aria-controls="found"
        aria-autocomplete="list"
        aria-activedescendant={isOpen.value && found.value.length > 0 ? `found-${active.value}` : undefined}
        placeholder="Search all brokers: BTC, EUR_USD, …"
        autocomplete="off"
        spellcheck={false}
        value={text.value}
        onInput={({ currentTarget }) => {
          search.type(currentTarget.value);
        }}
        onKeyDown={(event) => {
          if (takesKey(search, event, choose)) event.preventDefault();
        }}
        onBlur={() => {
          search.close();
        }}
      />
      <kbd aria-hidden="true">/</kbd>
      <Results search={search} choose={choose} />
    </div>
  );
}

function takesKey(search: InstrumentSearch, { key, shiftKey }: KeyboardEvent, choose: Choose): boolean {
  if (key === 'ArrowDown') search.step(1);
  else if (key === 'ArrowUp') search.step(-1);
  else if (key === 'Enter') choose(search.chosen, shiftKey);
  else if (key === 'Escape') search.close();
  else return false;
  return true;
}

function Results({ search, choose }: { readonly search: InstrumentSearch; readonly choose: Choose }): JSX.Element {
  const { text, found, silent, active, isOpen } = search;
  const isEmpty = found.value.length === 0;
  return (
    <div class="found" hidden={!isOpen.value}>
      <ul id="found" role="listbox" aria-label="Instruments" hidden={isEmpty}>
        {found.value.map((instrument, i) => (
          <li
            key={keyOf(instrument)}
            id={`found-${i}`}
            role="option"
            aria-selected={i === active.value}
            // A click would take the focus from the box, which closes the list, before it counts.
            onMouseDown={(event) => {
              event.preventDefault();
              choose(instrument, event.shiftKey);
            }}
          >
            <b>{instrument.symbol}</b> <span>{instrument.displayName}</span>
            <span class="room" />
            <span>{instrument.broker}</span>
            {synthetic.value.has(instrument.broker) ? <span class="synthetic small">Synthetic</span> : null}
          </li>
        ))}
      </ul>
      <div role="status">
        {isOpen.value && isEmpty ? <p class="none">No broker lists “{text.value}”.</p> : null}
        {silent.value.map(({ broker, reason }) => (
          <p key={broker} class="none reason">
            {broker} can't be searched: {reason}
          </p>
        ))}
      </div>
    </div>
  );
}

function useSlash(box: RefObject<HTMLInputElement | null>): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      const { target } = event;
      const isTyping = target instanceof HTMLElement && target.matches('input, textarea, select');
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      box.current?.focus();
    };
    addEventListener('keydown', onKeyDown);
    return () => {
      removeEventListener('keydown', onKeyDown);
    };
  }, [box]);
}
