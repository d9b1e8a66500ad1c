export interface ScriptedStatus {
  /** The value of the header `Retry-After`, which is left out if null. @default null */
  readonly retryAfterSeconds?: number | null;
  /** The exact body. @default the venue's error body for that status */
  readonly body?: string;
  /** The number of requests that get it. @default 1 */
  readonly times?: number;
  /** Only requests for this path get it. @default any */
  readonly path?: string;
  /** If true, the body is a page of an edge server. @default false */
  readonly html?: boolean;
}

export interface ScriptedReply {
  readonly status: number;
  readonly body: string;
  readonly retryAfterSeconds: number | null;
  readonly html: boolean;
}

interface Script {
  readonly path: string | null;
  readonly reply: ScriptedReply;
  left: number;
}

const BODIES: Readonly<Record<number, { code: number; msg: string }>> = {
  401: { code: -2015, msg: 'Invalid API-key, IP, or permissions for action.' },
  418: { code: -1003, msg: 'Way too much request weight used; IP banned until 1748592527333.' },
  429: { code: -1003, msg: 'Too much request weight used; current limit is 6000 request weight per 1 MINUTE.' },
  503: {
    code: -1008,
    msg: 'Server is currently overloaded with other requests. Please try again in a few minutes.',
  },
};
const OTHER_BODY = { code: -1000, msg: 'An unknown error occurred while processing the request.' };

/** Switches for the HTTP half. Each may be set at any time. */
export class RestFaults {
  /** Every reply is delayed by this time. */
  delayMs = 0;
  /** Error replies are pages of an edge server instead of JSON. */
  htmlErrors = false;
  /** Until this time, by the stand-in's clock, everything is answered with 418. */
  bannedUntilMs: number | null = null;
  readonly #scripts: Script[] = [];

  /** Gives the next request, or several, this status. Scripts are used up in the order in which they were made. */
  nextStatus(status: number, options: ScriptedStatus = {}): void {
    const body = options.body ?? JSON.stringify(BODIES[status] ?? OTHER_BODY);
    this.#scripts.push({
      path: options.path ?? null,
      reply: { status, body, retryAfterSeconds: options.retryAfterSeconds ?? null, html: options.html ?? false },
      left: options.times ?? 1,
    });
  }

  banUntil(epochMs: number): void {
    this.bannedUntilMs = epochMs;
  }

  /** Takes the scripted reply for a request to this path, which uses it up; null if there is none. */
  take(path: string): ScriptedReply | null {
    const index = this.#scripts.findIndex((script) => script.path === null || script.path === path);
    const script = this.#scripts[index];
    if (script === undefined) return null;
    script.left -= 1;
    if (script.left <= 0) this.#scripts.splice(index, 1);
    return script.reply;
  }

  /** Deletes scripts, ends the ban and delays. */
  clear(): void {
    this.#scripts.length = 0;
    this.bannedUntilMs = null;
    this.delayMs = 0;
    this.htmlErrors = false;
  }
}
