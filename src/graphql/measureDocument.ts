import { Kind } from 'graphql';
import type { DocumentNode, FragmentDefinitionNode, SelectionNode, SelectionSetNode } from 'graphql';
import { assertNever } from '../shared/errors.ts';

/** How large the operations of a document are: of each figure the greatest that one of them has, fragments included. */
export interface DocumentSize {
  /** Levels of fields. What describes the schema (`__schema`, `__type`) counts as none. */
  readonly depth: number;
  readonly aliases: number;
  /** Characters of the longest name under which the answer would hold something. */
  readonly longestName: number;
}

const NOTHING: DocumentSize = { depth: 0, aliases: 0, longestName: 0 };
const INTROSPECTION: ReadonlySet<string> = new Set(['__schema', '__type']);

/** Looks at each fragment once, however often it is spread. The document need not be valid. */
export function measureDocument(document: DocumentNode): DocumentSize {
  const ruler = new Ruler(document);
  let largest = NOTHING;
  for (const definition of document.definitions) {
    if (definition.kind === Kind.OPERATION_DEFINITION) {
      largest = largestOf(largest, ruler.selections(definition.selectionSet));
    }
  }
  return largest;
}

class Ruler {
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly #sizes = new Map<string, DocumentSize>();

  constructor({ definitions }: DocumentNode) {
    const fragments = definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
    this.#fragments = new Map(fragments.map((fragment) => [fragment.name.value, fragment]));
  }

  selections(set: SelectionSetNode | undefined): DocumentSize {
    let size = NOTHING;
    for (const selection of set?.selections ?? []) {
      const { depth, aliases, longestName } = this.#selection(selection);
      size = {
        depth: Math.max(size.depth, depth),
        aliases: size.aliases + aliases,
        longestName: Math.max(size.longestName, longestName),
      };
    }
    return size;
  }

  #selection(selection: SelectionNode): DocumentSize {
    switch (selection.kind) {
      case Kind.FIELD: {
        const { alias, name, selectionSet } = selection;
        const within = this.selections(selectionSet);
        return {
          depth: INTROSPECTION.has(name.value) ? 0 : within.depth + 1,
          aliases: within.aliases + (alias === undefined ? 0 : 1),
          longestName: Math.max(within.longestName, (alias ?? name).value.length),
        };
      }
      case Kind.INLINE_FRAGMENT:
        return this.selections(selection.selectionSet);
      case Kind.FRAGMENT_SPREAD:
        return this.#fragment(selection.name.value);
      default:
        return assertNever(selection);
    }
  }

  #fragment(name: string): DocumentSize {
    const known = this.#sizes.get(name);
    if (known !== undefined) return known;
    // One that spreads itself is refused by the rules that come after.
    this.#sizes.set(name, NOTHING);
    const size = this.selections(this.#fragments.get(name)?.selectionSet);
    this.#sizes.set(name, size);
    return size;
  }
}

function largestOf(a: DocumentSize, b: DocumentSize): DocumentSize {
  return {
    depth: Math.max(a.depth, b.depth),
    aliases: Math.max(a.aliases, b.aliases),
    longestName: Math.max(a.longestName, b.longestName),
  };
}
