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
