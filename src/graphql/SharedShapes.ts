import { execute, Kind, print, visit } from 'graphql';
import type { DocumentNode, ExecutionResult, GraphQLSchema } from 'graphql';
import type { Emission } from '../fanout/Emission.ts';
import type { Encoder } from '../fanout/PerEncoder.ts';
import { SharedFrames } from '../fanout/SharedFrames.ts';
import { SharedPayload } from '../fanout/SharedPayload.ts';
import type { MarketData } from '../market/marketData.ts';
import type { ClientErrors } from './ClientErrors.ts';
import { compileSelection } from './compileSelection.ts';
import type { CompiledParts, WriteEvent } from './compileSelection.ts';
import { joinLists } from './joinLists.ts';
import type { eventOf, eventsOf } from './resolvers/eventOf.ts';

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

/** How a field tells events: each in a result of its own, or in lists. */
export type Telling = 'single' | 'list';

/** One shape, used until disposed of. */
export interface ShapeUse extends Disposable {
  /** Of a field that tells lists: each event as a list of its own. */
  readonly encoder: Encoder;
  /** The result with all of these events, as graphql-js gives it, for all who are told just them now. */
  readonly list: (emissions: readonly Emission[]) => SharedFrames;
}

/** What of a document matters for its shape: its text, and the variables that only say where events come from. */
interface DocumentShape {
  readonly text: string;
  readonly routing: ReadonlySet<string>;
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

  use(request: OperationRequest, telling: Telling = 'single'): ShapeUse {
    const key = this.#keyOf(request);
    const encoder =
      this.#shapes.get(key) ?? new ShapeEncoder({ ...this.#options, parts: this.#parts, request, telling });
    this.#shapes.set(key, encoder);
    encoder.users += 1;
    let used = true;
    return {
      encoder,
      list: (emissions) => encoder.list(emissions),
      [Symbol.dispose]: () => {
        if (!used) return;
        used = false;
        encoder.users -= 1;
        if (encoder.users === 0) this.#shapes.delete(key);
      },
    };
  }

  #keyOf({ document, operationName, variableValues }: OperationRequest): string {
    let shape = this.#documents.get(document);
    if (shape === undefined) {
      shape = { text: print(document), routing: routingVariables(document) };
      this.#documents.set(document, shape);
    }
    const { text, routing } = shape;
    const variables = Object.entries(variableValues ?? {})
      .filter(([name]) => !routing.has(name))
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
    return JSON.stringify([text, operationName ?? null, variables]);
  }
}

interface ShapeEncoderOptions extends SharedShapesOptions {
  readonly request: OperationRequest;
  readonly telling: Telling;
  readonly parts: CompiledParts;
}

interface ToldList {
  readonly emissions: readonly Emission[];
  readonly frames: SharedFrames;
}

/** Tells an event in one shape. */
class ShapeEncoder implements Encoder {
  readonly #options: ShapeEncoderOptions;
  users = 0;
  /** Undefined until the first event: many subscriptions never see one. */
  #write: WriteEvent | null | undefined;
  /** The list that was told last, where others may be told it too. */
  #told: ToldList | null = null;

  constructor(options: ShapeEncoderOptions) {
    this.#options = options;
  }

  get isShared(): boolean {
    return this.users > 1;
  }

  encode(event: MarketData): string {
    const { schema, request, telling, parts } = this.#options;
    if (this.#write === undefined) this.#write = compileSelection({ schema, ...request }, parts);
    return this.#write?.(event) ?? this.#execute(telling === 'list' ? [{ event }] : { event });
  }

  list(emissions: readonly Emission[]): SharedFrames {
    if (this.#told !== null && isSame(emissions, this.#told.emissions)) return this.#told.frames;
    const payload = new SharedPayload(this.#encodeList(emissions), { encoder: this, chains: null });
    const frames = new SharedFrames([payload]);
    if (this.isShared) this.#told = { emissions, frames };
    return frames;
  }

  #encodeList(emissions: readonly Emission[]): string {
    const each = emissions.flatMap((emission) => emission.frames(this).payloads.map(({ text }) => text));
    return joinLists(each) ?? this.#execute(emissions.map(({ event }) => ({ event })));
  }

  /** `rootValue`: what the field's resolver takes. */
  #execute(rootValue: Parameters<typeof eventOf>[0] | Parameters<typeof eventsOf>[0]): string {
    const { schema, errors, request } = this.#options;
    const { document, operationName, variableValues } = request;
    const result = execute({ schema, document, operationName, variableValues, rootValue });
    if (isPromise(result)) throw new Error('a field of market data was resolved asynchronously');
    return JSON.stringify(errors.formatResult(result));
  }
}

function isSame(some: readonly Emission[], others: readonly Emission[]): boolean {
  return some.length === others.length && some.every((emission, place) => emission === others[place]);
}

function isPromise(result: ExecutionResult | Promise<ExecutionResult>): result is Promise<ExecutionResult> {
  return 'then' in result;
}

/** The variables that are used nowhere but in arguments that route. */
function routingVariables(document: DocumentNode): ReadonlySet<string> {
  const routing = new Set<string>();
  const shaping = new Set<string>();
  let inRouting = false;
  let field = '';
  visit(document, {
    VariableDefinition: () => false,
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
      (inRouting ? routing : shaping).add(name.value);
    },
  });
  return new Set([...routing].filter((name) => !shaping.has(name)));
}
