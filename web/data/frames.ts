import { batch, signal } from '@preact/signals';
import { pageClock } from '../ui/clock.ts';

/** How often words about feeds are renewed: often enough to be read, and seldom enough to be legible. */
const WORDS_MS = 250;
/** A tab that is looked at again within this time was never away. */
const HIDDEN_AFTER_MS = 5_000;

/** Whether nobody has seen the page for some seconds. Feeds then ask the gateway for less. */
export const isAway = signal(false);
/** The time in monotonic milliseconds, renewed some times a second while the page is visible, for what shows an age. */
export const moment = signal(pageClock.monotonic());

/**
 * Gathers what has changed and lets it be drawn once a frame, however many messages came since the last one. Nothing is drawn
 * while the page is hidden.
 */
class Frames {
  readonly #waiting = new Set<() => void>();
  #isAsked = false;

  /** Has `draw` called in the next frame, once, however often it is asked for. */
  request(draw: () => void): void {
    this.#waiting.add(draw);
    this.ask();
  }

  cancel(draw: () => void): void {
    this.#waiting.delete(draw);
  }

  ask(): void {
    if (this.#isAsked || this.#waiting.size === 0 || document.hidden) return;
    this.#isAsked = true;
    requestAnimationFrame(() => {
      this.#isAsked = false;
      if (document.hidden) return;
      const draws = [...this.#waiting];
      this.#waiting.clear();
      batch(() => {
        for (const draw of draws) draw();
      });
    });
  }
}

export const frames = new Frames();

/** Begins to watch whether the page is visible. The page calls it once, and it lasts as long as the page. */
export function watchVisibility(): void {
  let leaving: Disposable | null = null;
  document.addEventListener('visibilitychange', () => {
    leaving?.[Symbol.dispose]();
    leaving = null;
    if (document.hidden) {
      leaving = pageClock.after(HIDDEN_AFTER_MS, () => {
        isAway.value = true;
      });
    } else {
      isAway.value = false;
      frames.ask();
    }
  });
  pageClock.every(WORDS_MS, () => {
    if (!document.hidden) frames.request(renewMoment);
  });
}

function renewMoment(): void {
  moment.value = pageClock.monotonic();
}
