import { Kind, execute, parse, print, visit } from 'graphql';
import type { DocumentNode, ExecutionResult, GraphQLSchema } from 'graphql';
import { bytesOfEvent } from '../../fanout/client/PendingEvents.ts';
import type { Encoder } from '../../fanout/frames/EncodingCache.ts';
import type { SharedEvent } from '../../fanout/frames/SharedEvent.ts';
import { SharedFrames, SharedPayload } from '../../fanout/frames/SharedFrames.ts';
import type { ClientErrors } from '../ClientErrors.ts';
import type { eventOf, eventsOf } from '../resolvers/marketData.ts';
import { compileSelection } from './compileSelection.ts';
import type { CompiledParts } from './compileSelection.ts';
import type { MarketData, MarketDataType } from '../../market/marketData.ts';

/** An operation as its client sent it. */
export interface OperationRequest {
  readonly document: DocumentNode;
  readonly operationName: string | null | undefined;
  readonly variableValues: Readonly<Record<string, unknown>> | null | undefined;
}

export interface SharedShapesOptions {
  readonly schema: GraphQLSchema;
  readonly errors: ClientErrors;
}

export interface ShapeRequest extends OperationRequest {
  /** How the field tells events: each in a result of its own, or in lists. */
  readonly telling: 'single' | 'list';
  /** The types that it asks for. */
  readonly types: readonly MarketDataType[];
}

/** One shape, used until disposed of. */
export interface ShapeUse extends Disposable {
  /** Of a field that tells lists: each event as a list of its own. */
  readonly encoder: Encoder;
  /** The result with all of these events, as graphql-js gives it, for all who are told just them now. */
  readonly list: (events: readonly SharedEvent[]) => SharedFrames;
}

/** What of a document matters for its shape. */
interface DocumentShape {
  /** However it is laid out. */
  readonly text: string;
  /** As its client wrote it: errors tell their place in it. */
  readonly source: string;
  /** Whatever else a client sends means nothing. */
  readonly declared: ReadonlySet<string>;
  /** The variables that say more than where events come from. */
  readonly shaping: ReadonlySet<string>;
}

/** The arguments that route, and have no part in what an event looks like. */
const ROUTING_ARGUMENTS: ReadonlySet<string> = new Set(['broker', 'symbols', 'everyMs']);
const FIELDS: ReadonlySet<string> = new Set(['marketData', 'marketDataBatch']);

/**
 * The shapes in which market data is told just now. Subscriptions whose documents, operations and variables are alike but
 * for the variables that route are of one shape: an event is made into text once for all of them, and is exactly the result
 * that graphql-js would have given each.
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

/** The same for subscriptions of one shape. */
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

/** Tells an event in one shape. Of the document it keeps the text alone: what is parsed takes some thirty times as much. */
class ShapeEncoder implements Encoder {
  readonly #options: SharedShapesOptions;
  readonly #request: Pick<ShapeRequest, 'operationName' | 'variableValues' | 'telling'>;
  readonly #source: string;
  readonly #write: ReturnType<typeof compileSelection>;
  users = 0;
  expansion = 1;
  /** The list that was told last, where others may be told it too. */
  #told: SentList | null = null;

  constructor({ request, shape, parts, ...options }: ShapeEncoderOptions) {
    this.#options = options;
    const { operationName, telling, types } = request;
    const variableValues = Object.fromEntries(pick(request.variableValues, shape.declared));
    this.#request = { operationName, variableValues, telling };
    this.#source = shape.source;
    // How a symbol's feeds do may be told to everybody.
    this.#write = compileSelection({ ...request, schema: options.schema, types: [...types, 'status'] }, parts);
  }

  get isShared(): boolean {
    return this.users > 1;
  }

  encode(event: MarketData): string {
    const text = this.#write?.(event) ?? this.#execute(this.#request.telling === 'list' ? [{ event }] : { event });
    const expansion = text.length / bytesOfEvent(event);
    if (expansion > this.expansion) this.expansion = expansion;
    return text;
  }

  list(events: readonly SharedEvent[]): SharedFrames {
    if (this.#told !== null && isSame(events, this.#told.events)) return this.#told.frames;
    const payload = new SharedPayload(this.#encodeList(events), { encoder: this, chains: null });
    const frames = new SharedFrames([payload]);
    if (this.isShared) this.#told = { events, frames };
    return frames;
  }

  #encodeList(events: readonly SharedEvent[]): string {
    const each = events.flatMap((sharedEvent) => sharedEvent.frames(this).payloads.map(({ text }) => text));
    return joinLists(each) ?? this.#execute(events.map(({ event }) => ({ event })));
  }

  /** `rootValue`: what the field's resolver takes. */
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
 * One result with the items of all of them, each the text of a result whose data is one list: `{"data":{"a":[…]}}`. Null
 * where one of them is anything else, or has errors.
 */
export function joinLists(results: readonly string[]): string | null {
  let joined = '';
  for (const result of results) {
    // The name before the list can't have a bracket in it.
    const start = result.indexOf(LIST_START) + LIST_START.length;
    const end = result.length - LIST_END.length;
    if (start > end || !result.startsWith(START) || !result.endsWith(LIST_END)) return null;
    joined += joined === '' ? result.slice(0, end) : `,${result.slice(start, end)}`;
  }
  return joined === '' ? null : joined + LIST_END;
}
