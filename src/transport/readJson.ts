import type { HttpReply } from './httpGet.ts';

/** What the body of a reply says; undefined (which JSON has not) where it claims to be no JSON, or is none. */
export function readJson({ headers, text }: HttpReply, parse: (text: string) => unknown = JSON.parse): unknown {
  if (!/^[^;]*\bjson\b/i.test(headers['content-type'] ?? 'application/json')) return undefined;
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}
