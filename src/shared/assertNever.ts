/** The default branch of every switch over a union: the compiler rejects the call when a member was forgotten. */
export function assertNever(value: never): never {
  throw new TypeError(`unexpected value: ${JSON.stringify(value)}`);
}
