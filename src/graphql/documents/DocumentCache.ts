import { Kind, OperationTypeNode } from 'graphql';
import type { DocumentNode } from 'graphql';
import { mayHoldSecrets } from '../ClientErrors.ts';

export interface DocumentCacheOptions {
  /** @default 1000 */
  readonly maxDocuments?: number;
  /** Of all the documents' texts together; what is parsed takes some ten times that. @default 1000000 */
  readonly maxCharacters?: number;
}

/**
 * Parsed documents by their text, the ones used last kept. A document with a mutation in it is not kept, nor one that
 * looks like such a mutation gone wrong: a client may have written its credentials into it.
 */
export class DocumentCache {
  readonly #maxDocuments: number;
  readonly #maxCharacters: number;
  readonly #documents = new Map<string, DocumentNode>();
  #characters = 0;

  constructor({ maxDocuments = 1_000, maxCharacters = 1_000_000 }: DocumentCacheOptions = {}) {
    this.#maxDocuments = maxDocuments;
    this.#maxCharacters = maxCharacters;
  }

  get size(): number {
    return this.#documents.size;
  }

  get(text: string): DocumentNode | undefined {
    const document = this.#documents.get(text);
    if (document !== undefined) {
      this.#documents.delete(text);
      this.#documents.set(text, document);
    }
    return document;
  }

  set(text: string, document: DocumentNode): void {
    if (this.#documents.has(text) || mayHoldSecrets(text) || document.definitions.some(isMutation)) return;
    this.#documents.set(text, document);
    this.#characters += text.length;
    for (const oldest of this.#documents.keys()) {
      if (this.#documents.size <= this.#maxDocuments && this.#characters <= this.#maxCharacters) break;
      this.#documents.delete(oldest);
      this.#characters -= oldest.length;
    }
  }
}

function isMutation(definition: DocumentNode['definitions'][number]): boolean {
  return definition.kind === Kind.OPERATION_DEFINITION && definition.operation === OperationTypeNode.MUTATION;
}
