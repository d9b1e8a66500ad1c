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
  VariableValues,
} from 'graphql';
import { assertNever } from '../../shared/errors.ts';

/** Everything that the meaning of a selection depends on. */
export interface SelectionScope {
  readonly schema: GraphQLSchema;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** The coerced variables, with their defaults. */
  readonly variableValues: VariableValues;
}

/**
 * All nodes that select one member of an answer. The first one determines the field, and all of them select from it.
 */
export type FieldNodes = [FieldNode, ...FieldNode[]];

/**
 * The members that are selected from an object of this type, by their names and in their order in the answer: the same
 * that graphql-js collects during execution. Throws if the condition of a directive has no value.
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
  /** The names of the fragments that were spread; spreading one again adds nothing to the same object. */
  readonly #spread = new Set<string>();

  constructor(scope: SelectionScope, type: GraphQLObjectType) {
    this.#scope = scope;
    this.#type = type;
  }

  add({ selections }: SelectionSetNode): void {
    for (const selection of selections) {
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
        const name = selection.name.value;
        const fragment = this.#scope.fragments.get(name);
        if (fragment === undefined || this.#spread.has(name)) break;
        this.#spread.add(name);
        this.#addFragment(fragment);
        break;
      }
      default:
        assertNever(selection);
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

  /** `@skip` is evaluated first, and `@include` only if `@skip` is false, as graphql-js does. */
  #isIncluded(selection: SelectionNode): boolean {
    const { variableValues } = this.#scope;
    const skip = getDirectiveValues(GraphQLSkipDirective, selection, variableValues);
    if (skip?.['if'] === true) return false;
    const include = getDirectiveValues(GraphQLIncludeDirective, selection, variableValues);
    return include?.['if'] !== false;
  }
}
