import type { JSX } from 'preact';
import type { Feed } from '../data/Feed.ts';
import { moment } from '../data/frames.ts';
import { link } from '../data/gateway.ts';
import { ageWords, feedWords, rateWords } from '../data/words.ts';

/** The state and age of a feed in words. */
export function FeedMark({ feed }: { readonly feed: Feed }): JSX.Element {
  const { state, reason, lastAtMs } = feed.report.value;
  const ageMs = lastAtMs === null ? null : moment.value - lastAtMs;
  const problem = feed.problem.value?.message ?? null;
  const { text, tone } = feedWords({ link: link.value, state, reason, ageMs, problem });
  return (
    <span class={`feed ${tone}`} title={text}>
      {text}
    </span>
  );
}

/** How long events take, how many there are, and how often some were lost. */
export function FeedFigures({ feed }: { readonly feed: Feed }): JSX.Element {
  const { venueMs, pageMs, perSecond, gaps } = feed.report.value;
  return (
    <footer class="figures">
      <span title="From the venue's time to the gateway's, and from the gateway to this page">
        venue <b>{venueMs === null ? '–' : ageWords(venueMs)}</b> → gateway{' '}
        <b>{pageMs === null ? '–' : ageWords(pageMs)}</b> → page
      </span>
      <span class="room" />
      <span title="Messages a second">
        <b>{rateWords(perSecond)}</b>
      </span>
      <span class={gaps > 0 ? 'lossy' : ''} title="How often events were lost that nobody has any more">
        <b>{gaps}</b> {gaps === 1 ? 'gap' : 'gaps'}
      </span>
    </footer>
  );
}
