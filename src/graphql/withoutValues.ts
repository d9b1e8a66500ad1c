import { getLocation, Kind } from 'graphql';
import type { GraphQLError } from 'graphql';
import { mayHoldSecrets } from './mayHoldSecrets.ts';

/** Where graphql-js quotes in a message what the client gave; all that follows is left out. */
const QUOTATION = /\b(?:found|got|value:|representable|Invalid character:) .*$/s;

/**
 * The message of what is wrong with a document or its variables. Where these may hold credentials, it says what was
 * expected and not what was found: answers are logged by whoever gets them.
 */
export function withoutValues(error: GraphQLError): string {
  const { source, nodes, positions, message, originalError } = error;
  const [node] = nodes ?? [];
  const document = source ?? node?.loc?.source;
  if (document === undefined || !mayHoldSecrets(document.body)) return message;
  if (node === undefined && message.startsWith('Syntax Error')) {
    const { line, column } = getLocation(document, positions?.[0] ?? 0);
    return `Syntax Error at line ${line}, column ${column}.`;
  }
  if (node?.kind === Kind.VARIABLE_DEFINITION && originalError !== undefined) {
    return `Variable "$${node.variable.name.value}": ${masked(originalError.message)}`;
  }
  return masked(message);
}

function masked(message: string): string {
  return message.replace(QUOTATION, 'found another value (not shown).');
}
