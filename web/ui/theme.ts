import { effect, signal } from '@preact/signals';

export type Theme = 'dark' | 'light';

const STORED = 'tickgraph.theme';
const system = matchMedia('(prefers-color-scheme: light)');
const stored = localStorage.getItem(STORED);

/** The system's choice, unless somebody chose here. */
export const theme = signal<Theme>(stored === 'dark' || stored === 'light' ? stored : systemTheme());

export function toggleTheme(): void {
  theme.value = theme.value === 'dark' ? 'light' : 'dark';
  localStorage.setItem(STORED, theme.value);
}

/** Keeps the page in its theme. The page calls it once. */
export function applyTheme(): void {
  system.addEventListener('change', () => {
    if (localStorage.getItem(STORED) === null) theme.value = systemTheme();
  });
  effect(() => {
    document.documentElement.dataset['theme'] = theme.value;
  });
}

/** The value of a colour of the theme, for what is drawn on a canvas. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function systemTheme(): Theme {
  return system.matches ? 'light' : 'dark';
}
