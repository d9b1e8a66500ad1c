import { Ajv } from 'ajv';
import type { ValidateFunction } from 'ajv';
import { parse } from 'yaml';
import { textOf } from './docPages.ts';

export interface AsyncApi {
  readonly channels: { readonly raw: { readonly messages: Readonly<Record<string, unknown>> } };
  readonly operations: Readonly<Record<string, { readonly action: string; readonly messages: readonly Reference[] }>>;
  readonly components: {
    readonly messages: Readonly<Record<string, { readonly payload: { readonly properties: Properties } }>>;
    readonly schemas: Readonly<Record<string, { readonly enum?: readonly string[]; readonly properties?: Properties }>>;
  };
}

interface Reference {
  readonly $ref: string;
}

type Properties = Readonly<Record<string, Json>>;
type Json = { readonly const?: string; readonly enum?: readonly string[]; readonly default?: unknown };

/** docs/asyncapi.yaml as it is read. */
export function asyncApi(): AsyncApi {
  return parse(textOf('docs/asyncapi.yaml')) as AsyncApi;
}

/** The messages of docs/asyncapi.yaml, by whom they are sent, and which of them a message is. */
export class RawSchemas {
  readonly #validators: ReadonlyMap<string, ValidateFunction>;

  constructor(document: AsyncApi = asyncApi()) {
    const ajv = new Ajv({ strict: true, allowUnionTypes: true, strictRequired: false, strictTypes: false });
    ajv.addKeyword('components');
    ajv.addSchema({ $id: 'asyncapi', ...withoutTop(document) });
    this.#validators = new Map(
      Object.keys(document.components.messages).map((name) => [
        name,
        ajv.compile({ $ref: `asyncapi#/components/messages/${name}/payload` }),
      ]),
    );
  }

  /** The names of the messages that it may be. */
  kindsOf(message: unknown): readonly string[] {
    return [...this.#validators].filter(([, isOne]) => isOne(message)).map(([name]) => name);
  }
}

/** The part that has schemas alone: everything else would be unknown keywords. */
function withoutTop({ components }: AsyncApi): object {
  return { components };
}
