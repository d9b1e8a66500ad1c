import { addResume } from './addResume.ts';
import type { ResumableDocument } from './addResume.ts';

/** A replacer or a reviver of JSON. */
type Transform = (this: unknown, key: string, value: unknown) => unknown;
/** The options of a graphql-ws client that a resumption depends on. */
export interface ResumableOptions {
  readonly jsonMessageReplacer?: Transform;
  readonly jsonMessageReviver?: Transform;
  /** @default Infinity */
  readonly retryAttempts?: number;
  /** @default up to half a second, then doubled each time up to 30 seconds, with jitter */
  readonly retryWait?: (retries: number) => Promise<void>;
  /** @default all problems with the network, but no error that the application itself throws */
  readonly shouldRetry?: (problem: unknown) => boolean;
}

interface Operation {
  readonly payload: unknown;
  readonly document: ResumableDocument;
  /** Whether the client could not tell a FeedStatus from the events that it asked for. */
  readonly hidesStatus: boolean;
  /** The last cursor of each stream. All candles of one subscription have the same interval. */
  readonly cursors: Map<string, string>;
  renewed: boolean;
}
type Json = Record<string, unknown>;

/** The gateway by default allows one subscription as many: five types of 200 symbols. */
const MAX_STREAMS = 1_000;
/** An id that no operation has. */
const NOBODY = '\0';

/**
 * Options that make a graphql-ws client, and whatever runs on it, go on where it was after each reconnect. Given options are
 * kept: a replacer and a reviver run beside the ones that are needed here, others win over the defaults.
 */
export function resumable(): Required<ResumableOptions>;
export function resumable<Options extends ResumableOptions>(options: Options): Options & Required<ResumableOptions>;
export function resumable(options: ResumableOptions = {}): Required<ResumableOptions> {
  const { jsonMessageReplacer: replace, jsonMessageReviver: revive } = options;
  const operations = new Operations();
  let held: { readonly message: Json; readonly payload: unknown } | null = null;
  return {
    retryAttempts: Infinity,
    retryWait,
    shouldRetry: (problem) => !(problem instanceof Error) || 'code' in problem,
    ...options,
    jsonMessageReplacer(key, value) {
      const sent = key === '' && isJson(value) ? operations.send(value) : value;
      return replace ? replace.call(this, key, sent) : sent;
    },
    jsonMessageReviver(key, value) {
      // Only a reviver comes before the sink, but it makes the parsing of a large book five times as slow. So the payload is
      // out of the message until everything else is revived, unless the client has a reviver of its own.
      if (!revive && key === 'type' && isJson(this) && isJson(this.payload) && held === null) {
        held = { message: this, payload: this.payload };
        this.payload = null;
      }
      const received = revive ? revive.call(this, key, value) : value;
      if (key !== '' || !isJson(received)) return received;
      if (held !== null) held.message.payload = held.payload;
      held = null;
      return operations.receive(received);
    },
  };
}

/** The operations of a client by their ids, each with the cursors that it has. */
class Operations {
  readonly #operations = new Map<unknown, Operation>();
  #reconnected = false;

  /** Takes a message of the client and returns what is sent in its place. */
  send(message: Json): Json {
    const { id, type, payload } = message;
    if (type === 'complete') this.#operations.delete(id);
    if (type !== 'subscribe' || !isJson(payload)) return message;
    if (this.#reconnected) this.#forgetAbandoned();
    const known = this.#operations.get(id);
    const operation = known?.payload === payload ? known : begin(payload);
    if (operation === null) return message;
    operation.renewed = true;
    this.#operations.set(id, operation);
    const { query, variable } = operation.document;
    const variables = isJson(payload.variables) ? payload.variables : {};
    // The last one of a stream's cursors counts, so streams without an event keep the one that they began with.
    const given = variables[variable];
    const cursors = [...(Array.isArray(given) ? given : []), ...operation.cursors.values()];
    return {
      ...message,
      payload: { ...payload, query, variables: cursors.length > 0 ? { ...variables, [variable]: cursors } : variables },
    };
  }

  /** Takes a message of the gateway and returns what the client gets in its place. */
  receive(message: Json): Json {
    const { id, type, payload } = message;
    if (type === 'connection_ack') this.#reconnected = true;
    if (type === 'complete' || type === 'error') this.#operations.delete(id);
    const operation = this.#operations.get(id);
    if (operation === undefined || !isJson(payload) || !isJson(payload.data)) return message;
    for (const [name, value] of Object.entries(payload.data)) {
      const events: unknown[] = Array.isArray(value) ? value : [value];
      const wanted = events.filter((event) => take(event, operation));
      if (wanted.length === 0 && events.length > 0) return { ...message, id: NOBODY };
      if (Array.isArray(value)) payload.data[name] = wanted;
    }
    return message;
  }

  /**
   * A client renews all its operations at once. It does not tell which ones it ended while there was no connection, but those
   * were not renewed on the connection before this one.
   */
  #forgetAbandoned(): void {
    this.#reconnected = false;
    for (const [id, operation] of this.#operations) {
      if (!operation.renewed) this.#operations.delete(id);
      operation.renewed = false;
    }
  }
}

function begin(payload: Json): Operation | null {
  const document = typeof payload.query === 'string' ? addResume(payload.query) : null;
  if (document === null) return null;
  const hidesStatus = !document.asksItself && !/\b(FeedStatus|STATUS)\b/.test(JSON.stringify(payload));
  return { payload, document, hidesStatus, cursors: new Map(), renewed: true };
}

/** Keeps the cursor of an event, removes what the client did not select, and says whether the client gets the event. */
function take(event: unknown, { document, hidesStatus, cursors }: Operation): boolean {
  if (!isJson(event)) return true;
  const [cursor, broker, symbol, type] = document.names.map((name) => String(event[name]));
  for (const name of document.added) Reflect.deleteProperty(event, name);
  const stream = JSON.stringify([broker, symbol, type]);
  cursors.delete(stream);
  if (cursor !== undefined) cursors.set(stream, cursor);
  const [oldest] = cursors.keys();
  if (cursors.size > MAX_STREAMS && oldest !== undefined) cursors.delete(oldest);
  return !hidesStatus || (type !== 'STATUS' && type !== 'FeedStatus');
}

function retryWait(retries: number): Promise<void> {
  const longest = Math.min(30_000, 500 * 2 ** retries);
  return new Promise((resolve) => setTimeout(resolve, longest * (0.1 + 0.9 * Math.random())));
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}
