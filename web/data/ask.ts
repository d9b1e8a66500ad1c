import type { AnyVariables } from '@urql/core';
import { urql } from './gateway.ts';
import { problemOf } from './problems.ts';
import type { Problem } from './problems.ts';

/** An answer of the gateway, or why there is none. */
export type Answer<Data> =
  { readonly ok: true; readonly data: Data } | { readonly ok: false; readonly problem: Problem };

/** Runs a query or a mutation. The caller says what its document selects. */
export async function ask<Data>(
  kind: 'query' | 'mutation',
  document: string,
  variables: Exclude<AnyVariables, void> = {},
): Promise<Answer<Data>> {
  const { data, error } = await urql[kind]<Data>(document, variables).toPromise();
  if (data !== undefined && data !== null && error === undefined) return { ok: true, data };
  const [first] = error?.graphQLErrors ?? [];
  return { ok: false, problem: problemOf(first ?? error) };
}
