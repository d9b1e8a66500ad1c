import type { JSX } from 'preact';
import { synthetic } from '../data/brokers.ts';
import { Panel } from './Panel.tsx';

interface NotServedProps {
  readonly area: string;
  readonly title: string;
  readonly broker: string;
  readonly what: string;
}

/** In place of a panel whose data the broker's venue does not have. */
export function NotServed({ area, title, broker, what }: NotServedProps): JSX.Element {
  return (
    <Panel area={area} title={title} feed={null} request={null} isSynthetic={synthetic.value.has(broker)}>
      <p class="waiting">
        {broker} has no {what}.
      </p>
    </Panel>
  );
}
