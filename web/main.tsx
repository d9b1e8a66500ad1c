import { render } from 'preact';
import { App } from './App.tsx';
import { watchBrokers } from './data/brokers.ts';
import { watchVisibility } from './data/frames.ts';
import { watchSilence } from './data/gateway.ts';
import { followAddress } from './data/view.ts';
import { applyTheme } from './ui/theme.ts';

const root = document.querySelector('#app');
if (root !== null) {
  applyTheme();
  watchVisibility();
  watchSilence();
  watchBrokers();
  followAddress();
  render(<App />, root);
}
