import type { ComponentChildren, JSX } from 'preact';
import { useId } from 'preact/hooks';
import type { MarketDataRequest } from '../../client/index.ts';
import type { Feed } from '../data/Feed.ts';
import { CopyMenu } from './CopyMenu.tsx';
import { FeedFigures, FeedMark } from './FeedMark.tsx';

export interface PanelProps {
  /** Its place on the page, as a class. */
  readonly area: string;
  readonly title: ComponentChildren;
  /** Null where there is no subscription. */
  readonly feed: Feed | null;
  readonly request: MarketDataRequest | null;
  readonly isSynthetic: boolean;
  readonly tools?: ComponentChildren;
  readonly children: ComponentChildren;
}

/** The frame of every panel: its title, the state and age of its feed, its query, and its figures. */
export function Panel(props: PanelProps): JSX.Element {
  const { area, title, feed, request, isSynthetic, tools, children } = props;
  const id = useId();
  return (
    <section class={`panel ${area}`} aria-labelledby={id}>
      <header class="panel-head">
        <h2 id={id}>{title}</h2>
        {isSynthetic ? <Synthetic /> : null}
        {tools}
        <span class="room" />
        {feed === null ? null : <FeedMark feed={feed} />}
        {request === null ? null : <CopyMenu request={request} />}
      </header>
      {children}
      {feed === null ? null : <FeedFigures feed={feed} />}
    </section>
  );
}

/** Made-up data is marked wherever it is shown. */
export function Synthetic(): JSX.Element {
  return (
    <strong class="synthetic" title="This data is made up by a mock broker. It is no real market.">
      Synthetic
    </strong>
  );
}
