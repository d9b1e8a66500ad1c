export interface ScriptedStatus {
  /** Put into the header `Retry-After`; left out where null. @default null */
  readonly retryAfterSeconds?: number | null;
  /** The exact body. @default the venue's error body for that status */
  readonly body?: string;
  /** How many requests get it. @default 1 */
  readonly times?: number;
  /** Only requests of this path. @default any */
  readonly path?: string;
  /** The body is a page of an edge server. @default false */
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
  /** Every reply waits that long. */
  delayMs = 0;
  /** Error replies are pages of an edge server in place of JSON. */
  htmlErrors = false;
  /** By the stand-in's clock; until then everything is answered with 418. */
  bannedUntilMs: number | null = null;
  readonly #scripts: Script[] = [];

  /** The next request, or several, gets this status. Scripts are used up in the order of their making. */
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

  /** The scripted reply for a request to that path, used up by the call; null: none. */
  take(path: string): ScriptedReply | null {
    const index = this.#scripts.findIndex((script) => script.path === null || script.path === path);
    const script = this.#scripts[index];
    if (script === undefined) return null;
    script.left -= 1;
    if (script.left <= 0) this.#scripts.splice(index, 1);
    return script.reply;
  }

  /** Forgets scripts and ban, and answers at once again. */
  clear(): void {
    this.#scripts.length = 0;
    this.bannedUntilMs = null;
    this.delayMs = 0;
    this.htmlErrors = false;
  }
}
