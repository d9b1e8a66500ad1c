import type { JSX } from 'preact';
import { link } from '../data/gateway.ts';
import { copy } from '../ui/copy.ts';
import { theme, toggleTheme } from '../ui/theme.ts';
import { SearchBox } from './SearchBox.tsx';

const LINK_WORDS = {
  connecting: 'connecting to the gateway',
  open: 'connected',
  reconnecting: 'reconnecting to the gateway',
  refused: 'login needed',
} as const;

export function TopBar(): JSX.Element {
  const isDark = theme.value === 'dark';
  return (
    <header class="top">
      <h1>
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M6 3v4M6 17v4M18 2v5M18 14v6M12 6v3M12 18v3" class="wick" />
          <path d="M4 7h4v10H4zM16 7h4v7h-4z" class="rise" />
          <path d="M10 9h4v9h-4z" class="fall" />
        </svg>
        tickgraph
      </h1>
      <SearchBox />
      <span class={`link ${link.value}`} role="status">
        {LINK_WORDS[link.value]}
      </span>
      <button type="button" class="tool" onClick={() => void copy(location.href, 'Link to this view')}>
        Copy link
      </button>
      <button
        type="button"
        class="tool"
        aria-label={isDark ? 'Light theme' : 'Dark theme'}
        title={isDark ? 'Light theme' : 'Dark theme'}
        onClick={toggleTheme}
      >
        {isDark ? '☀' : '☾'}
      </button>
    </header>
  );
}
