import {
  getDirectiveValues,
  GraphQLIncludeDirective,
  GraphQLSkipDirective,
  isAbstractType,
  Kind,
  typeFromAST,
} from 'graphql';
import type {
  FieldNode,
  FragmentDefinitionNode,
  GraphQLObjectType,
  GraphQLSchema,
  InlineFragmentNode,
  SelectionNode,
  SelectionSetNode,
} from 'graphql';

/** What selections mean depends on this, and on nothing else. */
export interface SelectionScope {
  readonly schema: GraphQLSchema;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** Coerced, with their defaults. */
  readonly variableValues: Readonly<Record<string, unknown>>;
}

/** The places of a document that ask for one member of an answer. The first says what it is, all say what is in it. */
export type FieldNodes = [FieldNode, ...FieldNode[]];

/**
 * What an object of this type is asked for, by the members' names in the answer and in their order there: the same that
 * graphql-js collects when it executes. Throws where the condition of a directive has no value.
 */
export function collectFields(
  scope: SelectionScope,
  type: GraphQLObjectType,
  sets: readonly SelectionSetNode[],
): Map<string, FieldNodes> {
  const collector = new FieldCollector(scope, type);
  for (const set of sets) collector.add(set);
  return collector.fields;
}

class FieldCollector {
  readonly fields = new Map<string, FieldNodes>();
  readonly #scope: SelectionScope;
  readonly #type: GraphQLObjectType;
  /** Once it was spread, a fragment has nothing more to add to the same object. */
  readonly #spread = new Set<string>();

  constructor(scope: SelectionScope, type: GraphQLObjectType) {
    this.#scope = scope;
    this.#type = type;
  }

  add({ selections }: SelectionSetNode): void {
    for (const selection of selections) {
      if (selection.kind === Kind.FRAGMENT_SPREAD && this.#spread.has(selection.name.value)) continue;
      if (this.#isIncluded(selection)) this.#addSelection(selection);
    }
  }

  #addSelection(selection: SelectionNode): void {
    switch (selection.kind) {
      case Kind.FIELD:
        this.#addField(selection);
        break;
      case Kind.INLINE_FRAGMENT:
        this.#addFragment(selection);
        break;
      case Kind.FRAGMENT_SPREAD: {
        this.#spread.add(selection.name.value);
        const fragment = this.#scope.fragments.get(selection.name.value);
        if (fragment !== undefined) this.#addFragment(fragment);
      }
    }
  }

  #addField(field: FieldNode): void {
    const name = (field.alias ?? field.name).value;
    const known = this.fields.get(name);
    if (known === undefined) this.fields.set(name, [field]);
    else known.push(field);
  }

  #addFragment({ typeCondition, selectionSet }: InlineFragmentNode | FragmentDefinitionNode): void {
    if (typeCondition !== undefined) {
      const { schema } = this.#scope;
      const condition = typeFromAST(schema, typeCondition);
      const isMet = condition === this.#type || (isAbstractType(condition) && schema.isSubType(condition, this.#type));
      if (!isMet) return;
    }
    this.add(selectionSet);
  }

  /** `@skip` is asked first, and where it says so `@include` is not asked at all. */
  #isIncluded(selection: SelectionNode): boolean {
    const { variableValues } = this.#scope;
    const skip = getDirectiveValues(GraphQLSkipDirective, selection, variableValues);
    if (skip?.['if'] === true) return false;
    const include = getDirectiveValues(GraphQLIncludeDirective, selection, variableValues);
    return include?.['if'] !== false;
  }
}
