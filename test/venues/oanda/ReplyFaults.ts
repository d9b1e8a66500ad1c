export interface Reply {
  readonly status: number;
  readonly body: string;
  /** @default "application/json" */
  readonly contentType?: string;
  /** Left out if it is null or absent: the venue documents none. */
  readonly retryAfterSeconds?: number | null;
  /** After this much of the body, the connection ends. */
  readonly cutAfterBytes?: number | null;
}

export interface ScriptedReply {
  /**
   * The exact body. @default the venue's body for this status as far as it is known; none for requests that open a
   * stream
   */
  readonly body?: string;
  /** If true, the body is a proxy's page for the status. @default false */
  readonly html?: boolean;
  /** The number of requests that get it. @default 1 */
  readonly times?: number;
  /** Only requests for this path get it. @default any */
  readonly path?: string;
  readonly retryAfterSeconds?: number;
  readonly cutAfterBytes?: number;
}

interface Script {
  readonly path: string | null;
  readonly reply: Reply | 'reset';
  left: number;
}

const MESSAGES: Readonly<Record<number, string>> = {
  400: "Invalid value specified for 'instruments'",
  401: 'Insufficient authorization to perform request.',
  403: 'The provided request was forbidden.',
  504: 'Timeout waiting for response.',
};

/** Switches for the answers to requests: one set for REST, one for requests that open streams. */
export class ReplyFaults {
  /** Every answer is delayed by this time; for a stream, its headers are. */
  delayMs = 0;
  /** Requests are read and never answered. */
  hold = false;
  readonly #withBodies: boolean;
  readonly #scripts: Script[] = [];

  /** `withBodies`: errors without a scripted body have the venue's. */
  constructor({ withBodies }: { readonly withBodies: boolean }) {
    this.#withBodies = withBodies;
  }

  /** Gives this answer to the next request, or to several. Scripts are used up in the order in which they were made. */
  nextReply(status: number, options: ScriptedReply = {}): void {
    const { retryAfterSeconds = null, cutAfterBytes = null } = options;
    const usual = options.html === true ? page(status) : this.#withBodies ? json(status) : { status, body: '' };
    this.#add({ ...usual, body: options.body ?? usual.body, retryAfterSeconds, cutAfterBytes }, options);
  }

  /** Resets the connection of the next request, or of several, before a byte of the answer. */
  nextReset(options: Pick<ScriptedReply, 'path' | 'times'> = {}): void {
    this.#add('reset', options);
  }

  /** Takes the script for a request to this path, which uses it up; null if there is none. */
  take(path: string): Reply | 'reset' | null {
    const index = this.#scripts.findIndex((script) => script.path === null || script.path === path);
    const script = this.#scripts[index];
    if (script === undefined) return null;
    script.left -= 1;
    if (script.left <= 0) this.#scripts.splice(index, 1);
    return script.reply;
  }

  /** Deletes all scripts and ends delays. */
  clear(): void {
    this.#scripts.length = 0;
    this.delayMs = 0;
    this.hold = false;
  }

  #add(reply: Script['reply'], { path, times }: Pick<ScriptedReply, 'path' | 'times'>): void {
    this.#scripts.push({ path: path ?? null, reply, left: times ?? 1 });
  }
}

/** The page of a proxy in front of the venue. */
export function page(status: number): Reply {
  const body = `<html>\r\n<head><title>${status}</title></head>\r\n<body><center><h1>${status}</h1></center></body>\r\n</html>\r\n`;
  return { status, body, contentType: 'text/html' };
}

/** The venue's own body, or none if it is not known. */
export function json(status: number): Reply {
  const message = MESSAGES[status];
  return { status, body: message === undefined ? '' : JSON.stringify({ errorMessage: message }) };
}
