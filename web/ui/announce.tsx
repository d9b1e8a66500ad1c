import { signal } from '@preact/signals';
import type { JSX } from 'preact';

const message = signal('');

/** Says something once to everybody: it is read aloud, and shown for a moment. */
export function announce(text: string): void {
  // The same text again would be no change, and not be read.
  message.value = message.peek() === text ? `${text} ` : text;
}

export function Announcer(): JSX.Element {
  return (
    <div class="toast" role="status" key={message.value}>
      {message.value}
    </div>
  );
}
