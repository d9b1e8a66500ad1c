import { assertNever } from '../../../src/shared/errors.ts';

/** The subscriptions and the property that control frames change. */
export interface ControlTarget {
  readonly streams: ReadonlySet<string>;
  combined: boolean;
}

export interface ControlLimits {
  readonly maxStreams: number;
  /**
   * `silent`: a request with a string as id gets no reply, as live servers behave; `accept`: as the documentation says.
   */
  readonly stringIds: 'silent' | 'accept';
}

/** The effect of a control frame. The reply is the text to send. */
export type ControlOutcome =
  | { readonly kind: 'reply'; readonly reply: string }
  | { readonly kind: 'silent' }
  | { readonly kind: 'subscribe' | 'unsubscribe'; readonly streams: readonly string[]; readonly reply: string };

/** A masked frame above 4096 bytes in total, of which 8 are its header, gets no answer and has no effect. */
const MAX_FRAME_PAYLOAD = 4096 - 8;
const METHODS = ['SUBSCRIBE', 'UNSUBSCRIBE', 'LIST_SUBSCRIPTIONS', 'SET_PROPERTY', 'GET_PROPERTY'] as const;
type Method = (typeof METHODS)[number];
type RequestId = number | string | null;

/** The venue's answer to one text frame. SET_PROPERTY takes effect here; subscriptions are for the caller to change. */
export function answerControlFrame(text: string, target: ControlTarget, limits: ControlLimits): ControlOutcome {
  if (Buffer.byteLength(text) > MAX_FRAME_PAYLOAD) return { kind: 'silent' };
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return { kind: 'reply', reply: JSON.stringify({ error: { code: 3, msg: invalidJson(text) } }) };
  }
  const request: Readonly<Record<string, unknown>> = isRecord(message) ? message : {};
  const id = readId(request['id']);
  if (id === undefined) return refuse(2, 'Invalid request: request ID must be an unsigned integer', null);
  const method = request['method'];
  if (method === undefined) return refuse(2, 'Invalid request: missing field `method`', id);
  if (!isMethod(method)) {
    const expected = METHODS.map((name) => `\`${name}\``).join(', ');
    return refuse(
      2,
      `Invalid request: unknown variant \`${typeof method === 'string' ? method : JSON.stringify(method)}\`, expected one of ${expected}`,
      id,
    );
  }
  if (typeof id === 'string' && limits.stringIds === 'silent') return { kind: 'silent' };
  return obey({ method, id, params: request['params'] }, target, limits);
}

interface ControlRequest {
  readonly method: Method;
  readonly id: RequestId;
  readonly params: unknown;
}

function obey({ method, id, params }: ControlRequest, target: ControlTarget, limits: ControlLimits): ControlOutcome {
  switch (method) {
    case 'SUBSCRIBE':
    case 'UNSUBSCRIBE': {
      if (!Array.isArray(params)) return refuse(2, 'Invalid request: missing field `params`', id);
      const streams = params.filter((name): name is string => typeof name === 'string');
      if (streams.length !== params.length) return refuse(2, 'Invalid request: invalid stream', id);
      if (method === 'UNSUBSCRIBE') return { kind: 'unsubscribe', streams, reply: success(id, null) };
      if (new Set([...target.streams, ...streams]).size > limits.maxStreams) {
        return refuse(2, 'Invalid request: too many streams', id);
      }
      return { kind: 'subscribe', streams, reply: success(id, null) };
    }
    case 'LIST_SUBSCRIPTIONS':
      if (Array.isArray(params) && params.length > 0) return refuse(2, 'Invalid request: too many parameters', id);
      return { kind: 'reply', reply: success(id, [...target.streams]) };
    case 'SET_PROPERTY':
      return setProperty(id, params, target);
    case 'GET_PROPERTY': {
      const fault = propertyFault(id, params, 1);
      return fault ?? { kind: 'reply', reply: success(id, target.combined) };
    }
    default:
      return assertNever(method);
  }
}

function setProperty(id: RequestId, params: unknown, target: ControlTarget): ControlOutcome {
  const fault = propertyFault(id, params, 2);
  if (fault !== null) return fault;
  const value: unknown = Array.isArray(params) ? params[1] : undefined;
  if (typeof value !== 'boolean') return refuse(1, 'Invalid value type: expected Boolean', id);
  target.combined = value;
  return { kind: 'reply', reply: success(id, null) };
}

function propertyFault(id: RequestId, params: unknown, expected: number): ControlOutcome | null {
  if (!Array.isArray(params) || typeof params[0] !== 'string') {
    return refuse(2, 'Invalid request: property name must be a string', id);
  }
  if (params.length > expected) return refuse(2, 'Invalid request: too many parameters', id);
  return params[0] === 'combined' ? null : refuse(0, 'Unknown property', id);
}

/** Returns undefined if the venue treats the value as no id at all. An absent id is answered as null. */
function readId(id: unknown): RequestId | undefined {
  if (id === undefined || id === null) return null;
  if (typeof id === 'number') return Number.isSafeInteger(id) && id >= 0 ? id : undefined;
  return typeof id === 'string' && /^[\w-]{1,36}$/.test(id) ? id : undefined;
}

function success(id: RequestId, result: unknown): string {
  return JSON.stringify({ result, id });
}

/** Real frames nest the error; only the documentation prints it flat. */
function refuse(code: number, msg: string, id: RequestId): ControlOutcome {
  return { kind: 'reply', reply: JSON.stringify({ error: { code, msg }, id }) };
}

function invalidJson(text: string): string {
  return text.trim() === ''
    ? 'Invalid JSON: EOF while parsing a value'
    : 'Invalid JSON: expected value at line 1 column 1';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isMethod(value: unknown): value is Method {
  return METHODS.some((method) => method === value);
}
