import { useEffect, useState } from 'preact/hooks';
import { Feed } from '../data/Feed.ts';
import type { FeedOptions } from '../data/Feed.ts';

/** A subscription for as long as the component is there. Another request takes another component (`key`). */
export function useFeed(options: () => FeedOptions): Feed {
  const [feed] = useState(() => new Feed(options()));
  useEffect(
    () => () => {
      feed[Symbol.dispose]();
    },
    [feed],
  );
  return feed;
}
