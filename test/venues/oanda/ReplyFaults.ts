export interface Reply {
  readonly status: number;
  readonly body: string;
  /** @default "application/json" */
  readonly contentType?: string;
  /** Left out where null or absent: the venue documents none. */
  readonly retryAfterSeconds?: number | null;
  /** So much of the body is sent, then the connection ends. */
  readonly cutAfterBytes?: number | null;
}

export interface ScriptedReply {
  /** The exact body. @default what is known of the venue's for that status; none to requests that open a stream */
  readonly body?: string;
  /** The body is a proxy's page, of the status that it says. @default false */
  readonly html?: boolean;
  /** How many requests get it. @default 1 */
  readonly times?: number;
  /** Only requests of this path. @default any */
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

/** Switches for the answers to requests: one set of them for REST, one for requests that open streams. */
export class ReplyFaults {
  /** Every answer waits that long; of a stream its headers. */
  delayMs = 0;
  /** Requests are read and never answered. */
  hold = false;
  readonly #withBodies: boolean;
  readonly #scripts: Script[] = [];

  /** With bodies: where a script gives none, errors have the venue's. */
  constructor({ withBodies }: { readonly withBodies: boolean }) {
    this.#withBodies = withBodies;
  }

  /** The next request, or several, gets this answer. Scripts are used up in the order of their making. */
  nextReply(status: number, options: ScriptedReply = {}): void {
    const { retryAfterSeconds = null, cutAfterBytes = null } = options;
    const usual = options.html === true ? page(status) : this.#withBodies ? json(status) : { status, body: '' };
    this.#add({ ...usual, body: options.body ?? usual.body, retryAfterSeconds, cutAfterBytes }, options);
  }

  /** The connection of the next request, or of several, is reset before a byte of the answer. */
  nextReset(options: Pick<ScriptedReply, 'path' | 'times'> = {}): void {
    this.#add('reset', options);
  }

  /** What was scripted for a request to that path, used up by the call; null: nothing. */
  take(path: string): Reply | 'reset' | null {
    const index = this.#scripts.findIndex((script) => script.path === null || script.path === path);
    const script = this.#scripts[index];
    if (script === undefined) return null;
    script.left -= 1;
    if (script.left <= 0) this.#scripts.splice(index, 1);
    return script.reply;
  }

  /** Forgets scripts, and answers at once again. */
  clear(): void {
    this.#scripts.length = 0;
    this.delayMs = 0;
    this.hold = false;
  }

  #add(reply: Script['reply'], { path, times }: Pick<ScriptedReply, 'path' | 'times'>): void {
    this.#scripts.push({ path: path ?? null, reply, left: times ?? 1 });
  }
}

/** What a proxy before the venue says. */
export function page(status: number): Reply {
  const body = `<html>\r\n<head><title>${status}</title></head>\r\n<body><center><h1>${status}</h1></center></body>\r\n</html>\r\n`;
  return { status, body, contentType: 'text/html' };
}

/** What the venue itself says; nothing where that is not known. */
export function json(status: number): Reply {
  const message = MESSAGES[status];
  return { status, body: message === undefined ? '' : JSON.stringify({ errorMessage: message }) };
}
