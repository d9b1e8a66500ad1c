import type { HttpReply } from './httpGet.ts';

/** A parser of JSON text, which throws for other text. */
type JsonParser = (text: string) => unknown;

/** True for a JSON object: neither null nor a list. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value that JSON text stands for; undefined, which JSON can't express, for any other text. Never throws. */
export function parseJson(text: string, parse: JsonParser = JSON.parse): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** The JSON body of a reply; undefined if its header says that it is no JSON, or if it is none. */
export function readJson({ headers, text }: HttpReply, parse?: JsonParser): unknown {
  return /^[^;]*\bjson\b/i.test(headers['content-type'] ?? 'application/json') ? parseJson(text, parse) : undefined;
}
