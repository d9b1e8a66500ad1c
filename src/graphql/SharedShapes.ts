import { execute, Kind, print, visit } from 'graphql';
import type { DocumentNode, ExecutionResult, GraphQLSchema } from 'graphql';
import type { Encoder } from '../fanout/Emission.ts';
import type { MarketData } from '../market/marketData.ts';
import type { ClientErrors } from './ClientErrors.ts';

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

/** The encoder of one shape, used until disposed of. */
export interface ShapeUse extends Disposable {
  readonly encoder: Encoder;
}

/** What of a document matters for its shape: its text, and the variables that only say where events come from. */
interface DocumentShape {
  readonly text: string;
  readonly routing: ReadonlySet<string>;
}

/** The arguments that route, and have no part in what an event looks like. */
const ROUTING_ARGUMENTS: ReadonlySet<string> = new Set(['broker', 'symbols']);
const FIELD = 'marketData';

/**
 * The shapes in which `marketData` is told just now. Subscriptions whose documents, operations and variables are alike but
 * for the variables that route are of one shape: an event is executed and made into text once for all of them, by
 * graphql-js itself, with exactly the result that each would have got.
 */
export class SharedShapes {
  readonly #options: SharedShapesOptions;
  readonly #shapes = new Map<string, { readonly encoder: Encoder; users: number }>();
  readonly #documents = new WeakMap<DocumentNode, DocumentShape>();

  constructor(options: SharedShapesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#shapes.size;
  }

  use(request: OperationRequest): ShapeUse {
    const key = this.#keyOf(request);
    const shape = this.#shapes.get(key) ?? { encoder: new ShapeEncoder(this.#options, request), users: 0 };
    this.#shapes.set(key, shape);
    shape.users += 1;
    let used = true;
    return {
      encoder: shape.encoder,
      [Symbol.dispose]: () => {
        if (!used) return;
        used = false;
        shape.users -= 1;
        if (shape.users === 0) this.#shapes.delete(key);
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

/** Tells an event in one shape. */
class ShapeEncoder implements Encoder {
  readonly #options: SharedShapesOptions;
  readonly #request: OperationRequest;

  constructor(options: SharedShapesOptions, request: OperationRequest) {
    this.#options = options;
    this.#request = request;
  }

  encode(event: MarketData): Buffer {
    const { schema, errors } = this.#options;
    const { document, operationName, variableValues } = this.#request;
    const result = execute({ schema, document, operationName, variableValues, rootValue: { event } });
    if (isPromise(result)) throw new Error('a field of market data was resolved asynchronously');
    return Buffer.from(JSON.stringify(errors.formatResult(result)));
  }
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
        inRouting = field === FIELD && ROUTING_ARGUMENTS.has(name.value);
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
