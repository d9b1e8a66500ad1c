const START = Buffer.from('{"data":{"');
const LIST_START = '['.charCodeAt(0);
const LIST_END = Buffer.from(']}}');
const COMMA = Buffer.from(',');

/**
 * One result with the items of all of them, each the text of a result whose data is one list: `{"data":{"a":[…]}}`. Null
 * where one of them is anything else, or has errors.
 */
export function joinLists(results: readonly Buffer[]): Buffer | null {
  const parts: Buffer[] = [];
  for (const result of results) {
    const end = result.length - LIST_END.length;
    // The name before the list can't have a bracket in it.
    const start = result.indexOf(LIST_START) + 1;
    if (start > end || !result.subarray(0, START.length).equals(START) || !result.subarray(end).equals(LIST_END)) {
      return null;
    }
    parts.push(parts.length === 0 ? result.subarray(0, start) : COMMA, result.subarray(start, end));
  }
  return parts.length === 0 ? null : Buffer.concat([...parts, LIST_END]);
}
