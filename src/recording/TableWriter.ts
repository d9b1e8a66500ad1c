import { createWriteStream } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { extname } from 'node:path';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { ColumnSource } from 'hyparquet-writer';
import { MARKET_DATA_TYPES } from '../market/marketData.ts';
import type { FeedType, MarketDataType } from '../market/marketData.ts';
import type { Timestamp } from '../market/timestamp.ts';
import { toEpochMs } from '../market/timestamp.ts';
import type { RecordedLine } from './format.ts';
import { rowsOf, TABLES } from './tables.ts';
import type { ColumnKind, Row, Value } from './tables.ts';

export interface TableWriterOptions {
  readonly path: string;
  readonly format: 'csv' | 'parquet';
  readonly types: readonly FeedType[];
  readonly replaces: boolean;
  /** Called once if a file can't be written any more. */
  readonly onFault: (error: unknown) => void;
}

/** Rows of a parquet file wait in memory until there are so many. */
const GROUP_ROWS = 20_000;
/** The disk may be this far behind. */
const MAX_WAITING_BYTES = 64 * 1_048_576;

/** Writes events as flat tables for analysis: one file for each type, and one for the statuses. */
export class TableWriter implements AsyncDisposable {
  readonly #options: TableWriterOptions;
  readonly #tables = new Map<MarketDataType, Table>();
  #hasFailed = false;

  private constructor(options: TableWriterOptions) {
    this.#options = options;
  }

  /** Begins all files. Rejects if one of them can't be made, or exists and is not to be replaced. */
  static async create(options: TableWriterOptions): Promise<TableWriter> {
    const { path, format, replaces, types } = options;
    await using made = new AsyncDisposableStack();
    const writer = new TableWriter(options);
    for (const type of MARKET_DATA_TYPES) {
      if (type !== 'status' && !types.includes(type)) continue;
      const name = tablePath(path, type, types);
      const file = createWriteStream(name, { flags: replaces ? 'w' : 'wx' });
      await once(file, 'open');
      file.on('error', (error) => {
        writer.#fail(error);
      });
      made.defer(async () => {
        file.destroy();
        await rm(name);
      });
      writer.#tables.set(type, format === 'csv' ? new CsvTable(type, file) : new ParquetTable(type, file));
    }
    made.move();
    return writer;
  }

  /** The size of all files so far. */
  get bytes(): number {
    return this.#tables.values().reduce((sum, { file }) => sum + file.bytesWritten, 0);
  }

  write(line: RecordedLine): void {
    if (this.#hasFailed || line.type === 'raw' || line.type === 'outage' || line.type === 'end') return;
    const table = this.#tables.get(line.type);
    table?.add(rowsOf(line));
    if (table !== undefined && table.file.writableLength > MAX_WAITING_BYTES) {
      this.#fail(new Error('The disk does not keep up.'));
    }
  }

  /** Completes the files. */
  async close(): Promise<void> {
    for (const table of this.#tables.values()) table.end();
    for (const { file } of this.#tables.values()) if (!file.closed) await once(file, 'close').catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #fail(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#options.onFault(error);
  }
}

/** The file of a type: the given one if there is only one type, and otherwise `x.trade.csv` for `x.csv`. */
function tablePath(path: string, type: MarketDataType, types: readonly FeedType[]): string {
  if (types.length === 1 && type !== 'status') return path;
  const extension = extname(path);
  return `${path.slice(0, path.length - extension.length)}.${type}${extension}`;
}

abstract class Table {
  readonly file: WriteStream;
  protected readonly columns: readonly (readonly [string, ColumnKind])[];

  constructor(type: MarketDataType, file: WriteStream) {
    this.file = file;
    this.columns = Object.entries(TABLES[type]);
  }

  abstract add(rows: readonly Row[]): void;
  abstract end(): void;
}

class CsvTable extends Table {
  constructor(type: MarketDataType, file: WriteStream) {
    super(type, file);
    file.write(`${this.columns.map(([name]) => name).join(',')}\n`);
  }

  override add(rows: readonly Row[]): void {
    for (const row of rows) this.file.write(`${this.columns.map(([name]) => csvText(row[name] ?? null)).join(',')}\n`);
  }

  override end(): void {
    this.file.end();
  }
}

/** Quoted as in RFC 4180 where that is needed. Nothing stands for null. */
function csvText(value: Value): string {
  const text = value === null ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

class ParquetTable extends Table {
  readonly #bytes = new ByteWriter();
  readonly #writer: ParquetWriter;
  #rows: Row[] = [];

  constructor(type: MarketDataType, file: WriteStream) {
    super(type, file);
    const elements = this.columns.map(([name, kind]) => ({
      name,
      repetition_type: 'OPTIONAL' as const,
      ...PARQUET[kind],
    }));
    this.#writer = new ParquetWriter({
      writer: this.#bytes,
      schema: [{ name: 'root', num_children: elements.length }, ...elements],
      createdBy: 'tickgraph',
    });
  }

  override add(rows: readonly Row[]): void {
    this.#rows.push(...rows);
    if (this.#rows.length >= GROUP_ROWS) this.#writeGroup();
  }

  override end(): void {
    this.#writeGroup();
    void this.#writer.finish();
    this.#pass();
    this.file.end();
  }

  #writeGroup(): void {
    const rows = this.#rows;
    this.#rows = [];
    if (rows.length === 0) return;
    const columnData = this.columns.map(([name, kind]): ColumnSource => ({
      name,
      data: rows.map((row) => parquetValue(row[name] ?? null, kind)),
    }));
    void this.#writer.write({ columnData, rowGroupSize: rows.length });
    this.#pass();
  }

  /** The bytes count their offset from the beginning of the file by themselves, wherever their buffer begins. */
  #pass(): void {
    this.file.write(this.#bytes.getBytes().slice());
    this.#bytes.index = 0;
  }
}

/** Decimals are text: a column of the type DECIMAL has one scale, and venues have others for each symbol. */
const PARQUET = {
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  decimal: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  time: { type: 'INT64', converted_type: 'TIMESTAMP_MICROS' },
  integer: { type: 'INT64' },
  flag: { type: 'BOOLEAN' },
} as const satisfies Record<ColumnKind, object>;

function parquetValue(value: Value, kind: ColumnKind): bigint | Exclude<Value, number> | undefined {
  if (value === null) return undefined;
  if (kind === 'time') return microsOf(String(value));
  return typeof value === 'number' ? BigInt(value) : value;
}

/** Microseconds since the epoch; finer digits are cut off. */
function microsOf(text: string): bigint {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the columns of this kind have timestamps
  const ms = toEpochMs(text as Timestamp);
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? '';
  return BigInt(ms) * 1_000n + BigInt(fraction.padEnd(6, '0').slice(3, 6));
}
