import type { z } from 'zod';
import { GatewayError } from '../shared/errors.ts';
import type { Metrics } from '../shared/metrics.ts';

export interface ReplyReaderOptions {
  /** The broker's id. */
  readonly name: string;
  readonly metrics: Metrics;
}

/** Reads what a venue answers. Whatever has not the shape that it should have is counted as invalid. */
export class ReplyReader {
  readonly #options: ReplyReaderOptions;

  constructor(options: ReplyReaderOptions) {
    this.#options = options;
  }

  /** Throws BROKER_UNAVAILABLE for another shape. */
  read<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    throw this.refuse(parsed.error);
  }

  /** One entry of a list, which is read without it where it has another shape (null). */
  entry<Schema extends z.ZodType>(schema: Schema, entry: unknown): z.infer<Schema> | null {
    const parsed = schema.safeParse(entry);
    if (parsed.success) return parsed.data;
    this.#count();
    return null;
  }

  /** The error for an answer that contradicts itself or the question, whatever its shape. */
  refuse(cause?: unknown): GatewayError {
    this.#count();
    return this.nonsense(cause);
  }

  /** The same, where nothing in it is malformed. */
  nonsense(cause?: unknown): GatewayError {
    const message = `The venue's answer to broker ${this.#options.name} makes no sense.`;
    return new GatewayError('BROKER_UNAVAILABLE', message, { cause });
  }

  #count(): void {
    this.#options.metrics.invalidMessages.inc({ source: this.#options.name });
  }
}
