import { z } from 'zod';
import { isMap } from './fields.ts';

/** Any part of the schema. */
export type Schema = z.core.$ZodType;

/** The schema without the wrappers that give it a default or make it optional or nullable. */
export function unwrap(schema: Schema): Schema {
  let inner = schema;
  while (
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault ||
    inner instanceof z.ZodNullable ||
    inner instanceof z.ZodOptional
  ) {
    inner = inner.unwrap();
  }
  return inner;
}

/** The fixed keys of a map. Those of a broker depend on its kind; if that is unknown, the keys of all kinds are returned. */
export function keysOf(schema: Schema, value: unknown): readonly string[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) return Object.keys(inner.shape);
  if (inner instanceof z.ZodDiscriminatedUnion) {
    return [...new Set(optionsFor(inner, value).flatMap((option) => keysOf(option, value)))];
  }
  return [];
}

/** The schema of the value at `key`, or null if there can be no such key. */
export function childOf(schema: Schema, key: string, value: unknown): Schema | null {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) return Object.hasOwn(inner.shape, key) ? (inner.shape[key] ?? null) : null;
  if (inner instanceof z.ZodRecord) return inner.valueType;
  if (inner instanceof z.ZodArray) return inner.element;
  if (inner instanceof z.ZodDiscriminatedUnion) {
    for (const option of optionsFor(inner, value)) {
      const child = childOf(option, key, value);
      if (child !== null) return child;
    }
  }
  return null;
}

/** The schema at the end of a path, or null if there can be no such path. */
export function schemaAt(schema: Schema, path: readonly string[], document: unknown): Schema | null {
  let found: Schema | null = schema;
  let value = document;
  for (const key of path) {
    found = found === null ? null : childOf(found, key, value);
    value = isMap(value) || Array.isArray(value) ? Reflect.get(value, key) : undefined;
  }
  return found;
}

function optionsFor(union: z.ZodDiscriminatedUnion, value: unknown): readonly Schema[] {
  const kind = isMap(value) ? value['kind'] : undefined;
  const matching = union.options.filter((option) => {
    const literal = option instanceof z.ZodObject ? option.shape['kind'] : undefined;
    return literal instanceof z.ZodLiteral && literal.value === kind;
  });
  return matching.length > 0 ? matching : union.options;
}
