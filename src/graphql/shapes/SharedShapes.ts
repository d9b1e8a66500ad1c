import { Kind, execute, parse, print, visit } from 'graphql';
import type { DocumentNode, ExecutionResult, GraphQLSchema } from 'graphql';
import { bytesOfEvent, SharedFrames, SharedPayload } from '../../fanout/frames/SharedEvent.ts';
import type { Encoder, SharedEvent } from '../../fanout/frames/SharedEvent.ts';
import type { ClientErrors } from '../ClientErrors.ts';
import type { OperationRequest } from '../context.ts';
import type { eventOf, eventsOf } from '../resolvers/marketData.ts';
import { compileSelection } from './compileSelection.ts';
import type { CompiledParts } from './compileSelection.ts';
import type { MarketData, MarketDataType } from '../../market/marketData.ts';

export interface SharedShapesOptions {
  readonly schema: GraphQLSchema;
  readonly errors: ClientErrors;
}

/** A subscription whose shape is wanted. */
export interface ShapeRequest extends OperationRequest {
  /** Whether the field yields single events or lists. */
  readonly yields: 'single' | 'list';
  /** The types that the subscription asks for. */
  readonly types: readonly MarketDataType[];
}

/** The use of one shape, until disposed of. */
export interface ShapeUse extends Disposable {
  /** Encodes single events. If the field yields lists, each event is encoded as a list of one. */
  readonly encoder: Encoder;
  /** The frames of one result with all these events, shared by everybody who gets the same list at the same time. */
  readonly list: (events: readonly SharedEvent[]) => SharedFrames;
}

/** The parts of a document that determine its shape. */
interface DocumentShape {
  /** The document in canonical formatting. */
  readonly text: string;
  /** The document as the client wrote it, because errors contain positions in it. */
  readonly source: string;
  /** The declared variables. Any others mean nothing. */
  readonly declared: ReadonlySet<string>;
  /** The variables that determine more than the source of events. */
  readonly shaping: ReadonlySet<string>;
}

/** Arguments that determine only which events come, and not what they look like. */
const ROUTING_ARGUMENTS: ReadonlySet<string> = new Set(['broker', 'symbols', 'everyMs', 'resume']);
const FIELDS: ReadonlySet<string> = new Set(['marketData', 'marketDataBatch']);

/**
 * The shapes in use. Subscriptions have the same shape if their documents, operation names and variables are the same,
 * except for variables that only route. An event is encoded once for each shape, into exactly the result that
 * graphql-js would produce.
 */
export class SharedShapes {
  readonly #options: SharedShapesOptions;
  readonly #shapes = new Map<string, ShapeEncoder>();
  readonly #parts: CompiledParts = new Map();
  readonly #documents = new WeakMap<DocumentNode, DocumentShape>();

  constructor(options: SharedShapesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#shapes.size;
  }

  use(request: ShapeRequest): ShapeUse {
    const shape = this.#shapeOf(request.document);
    const key = keyOf(shape, request);
    const encoder = this.#shapes.get(key) ?? new ShapeEncoder({ ...this.#options, parts: this.#parts, request, shape });
    this.#shapes.set(key, encoder);
    encoder.users += 1;
    let used = true;
    return {
      encoder,
      list: (events) => encoder.list(events),
      [Symbol.dispose]: () => {
        if (!used) return;
        used = false;
        encoder.users -= 1;
        if (encoder.users === 0) this.#shapes.delete(key);
      },
    };
  }

  #shapeOf(document: DocumentNode): DocumentShape {
    const known = this.#documents.get(document);
    if (known !== undefined) return known;
    const text = print(document);
    const shape = { text, source: document.loc?.source.body ?? text, ...variablesOf(document) };
    this.#documents.set(document, shape);
    return shape;
  }
}

/** The key of a shape. */
function keyOf({ text, shaping }: DocumentShape, { operationName, variableValues }: OperationRequest): string {
  const variables = pick(variableValues, shaping).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([text, operationName ?? null, variables]);
}

function pick(variableValues: OperationRequest['variableValues'], names: ReadonlySet<string>): [string, unknown][] {
  return Object.entries(variableValues ?? {}).filter(([name]) => names.has(name));
}

interface ShapeEncoderOptions extends SharedShapesOptions {
  readonly request: ShapeRequest;
  readonly shape: DocumentShape;
  readonly parts: CompiledParts;
}

interface SentList {
  readonly events: readonly SharedEvent[];
  readonly frames: SharedFrames;
}

/**
 * Encodes events in one shape. It keeps only the text of the document, because the parsed document takes some thirty
 * times as much memory.
 */
class ShapeEncoder implements Encoder {
  readonly #options: SharedShapesOptions;
  readonly #request: Pick<ShapeRequest, 'operationName' | 'variableValues' | 'yields'>;
  readonly #source: string;
  readonly #write: ReturnType<typeof compileSelection>;
  users = 0;
  expansion = 1;
  /** The last list, if others may be sent it too. */
  #lastList: SentList | null = null;

  constructor({ request, shape, parts, ...options }: ShapeEncoderOptions) {
    this.#options = options;
    const { operationName, yields, types } = request;
    const variableValues = Object.fromEntries(pick(request.variableValues, shape.declared));
    this.#request = { operationName, variableValues, yields };
    this.#source = shape.source;
    // Every subscription may be sent a status.
    this.#write = compileSelection({ ...request, schema: options.schema, types: [...types, 'status'] }, parts);
  }

  get isShared(): boolean {
    return this.users > 1;
  }

  get members(): number {
    return this.users;
  }

  encode(event: MarketData): string {
    const text = this.#write?.(event) ?? this.#execute(this.#request.yields === 'list' ? [{ event }] : { event });
    const expansion = text.length / bytesOfEvent(event);
    if (expansion > this.expansion) this.expansion = expansion;
    return text;
  }

  list(events: readonly SharedEvent[]): SharedFrames {
    if (this.#lastList !== null && isSame(events, this.#lastList.events)) return this.#lastList.frames;
    const origin = { encoder: this, chains: null, isForMany: this.isShared };
    const payload = new SharedPayload(this.#encodeList(events), origin);
    const frames = new SharedFrames([payload]);
    if (this.isShared) this.#lastList = { events, frames };
    return frames;
  }

  #encodeList(events: readonly SharedEvent[]): string {
    const each = events.flatMap((sharedEvent) => sharedEvent.frames(this).payloads.map(({ text }) => text));
    return joinLists(each) ?? this.#execute(events.map(({ event }) => ({ event })));
  }

  /** `rootValue` is what the field's resolver takes. */
  #execute(rootValue: Parameters<typeof eventOf>[0] | Parameters<typeof eventsOf>[0]): string {
    const { schema, errors } = this.#options;
    const { operationName, variableValues } = this.#request;
    const result = execute({ schema, document: parse(this.#source), operationName, variableValues, rootValue });
    if (isPromise(result)) throw new Error('a field of market data was resolved asynchronously');
    return JSON.stringify(errors.formatResult(result));
  }
}

function isSame(some: readonly SharedEvent[], others: readonly SharedEvent[]): boolean {
  return some.length === others.length && some.every((sharedEvent, place) => sharedEvent === others[place]);
}

function isPromise(result: ExecutionResult | Promise<ExecutionResult>): result is Promise<ExecutionResult> {
  return 'then' in result;
}

function variablesOf(document: DocumentNode): Pick<DocumentShape, 'declared' | 'shaping'> {
  const declared = new Set<string>();
  const shaping = new Set<string>();
  let inRouting = false;
  let field = '';
  visit(document, {
    VariableDefinition: ({ variable }) => {
      declared.add(variable.name.value);
      return false;
    },
    Field: {
      enter: ({ name }) => {
        field = name.value;
      },
    },
    Argument: {
      enter: ({ name }) => {
        inRouting = FIELDS.has(field) && ROUTING_ARGUMENTS.has(name.value);
      },
      leave: () => {
        inRouting = false;
      },
    },
    [Kind.VARIABLE]: ({ name }) => {
      if (!inRouting) shaping.add(name.value);
    },
  });
  return { declared, shaping };
}

const START = '{"data":{"';
const LIST_START = '[';
const LIST_END = ']}}';

/**
 * Joins results whose data is one list, `{"data":{"a":[…]}}`, into one result with all the items. Null if one of them
 * is anything else, or has errors.
 */
export function joinLists(results: readonly string[]): string | null {
  let joined = '';
  for (const result of results) {
    // The name before the list can't contain a bracket.
    const start = result.indexOf(LIST_START) + LIST_START.length;
    const end = result.length - LIST_END.length;
    if (start > end || !result.startsWith(START) || !result.endsWith(LIST_END)) return null;
    joined += joined === '' ? result.slice(0, end) : `,${result.slice(start, end)}`;
  }
  return joined === '' ? null : joined + LIST_END;
}
