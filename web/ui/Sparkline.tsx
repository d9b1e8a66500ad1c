import type { JSX } from 'preact';
import type { Samples } from '../data/sparkline.ts';
import { linePoints } from '../data/sparkline.ts';

const WIDTH = 52;
const HEIGHT = 16;

/** The course of the last minute. Everything that it says is in the numbers beside it. */
export function Sparkline({ samples }: { readonly samples: Samples }): JSX.Element {
  const [first, last] = [samples[0], samples.at(-1)];
  const isRising = first === undefined || last === undefined || last.value >= first.value;
  return (
    <svg class={`sparkline ${isRising ? 'rise' : 'fall'}`} viewBox={`0 -1 ${WIDTH} ${HEIGHT + 2}`} aria-hidden="true">
      <polyline points={linePoints(samples, WIDTH, HEIGHT)} />
    </svg>
  );
}
