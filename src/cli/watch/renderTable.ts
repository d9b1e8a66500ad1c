import type { PriceLevel } from '../../market/marketData.ts';
import type { WatchedSymbol } from './WatchedSymbol.ts';

/** The content of the table. */
export interface TableView {
  /** Names what is watched. */
  readonly title: string;
  /** A sentence about what is wrong with the gateway; null if nothing is. */
  readonly trouble: string | null;
  readonly symbols: readonly WatchedSymbol[];
  readonly hasCandles: boolean;
  /** How many levels of the books are shown. */
  readonly depth: number;
  readonly nowMs: number;
}

export interface TableStyle {
  readonly columns: number;
  readonly rows: number;
  readonly isColoured: boolean;
}

type Colour = 'bold' | 'dim' | 'green' | 'red' | 'yellow';
interface Cell {
  readonly text: string;
  readonly colour?: Colour;
}

const CODES: Readonly<Record<Colour, number>> = { bold: 1, dim: 2, green: 32, red: 31, yellow: 33 };
const NOTHING: Cell = { text: '–', colour: 'dim' };
const GAP = '  ';

/** The lines of the screen, none of them wider than it, and not more than it has. */
export function renderTable(view: TableView, style: TableStyle): readonly string[] {
  const { title, trouble, symbols, hasCandles, depth, nowMs } = view;
  const lines: (readonly Cell[])[] = [
    [{ text: title, colour: 'bold' }],
    ...(trouble === null ? [] : [[{ text: trouble, colour: 'red' } as const]]),
    [],
    ...quotes(symbols, { hasCandles, nowMs, columns: style.columns }),
    ...symbols.flatMap((symbol) => [...reasonOf(symbol), ...bookOf(symbol, depth)]),
  ];
  return lines.slice(0, Math.max(1, style.rows)).map((cells) => line(cells, style));
}

/** A column and how it is filled. Where the screen is too narrow, those with the greatest rank are left out first. */
interface Column {
  readonly heading: string;
  readonly rank: number;
  readonly cell: (symbol: WatchedSymbol, nowMs: number) => Cell;
}

const COLUMNS: readonly Column[] = [
  { heading: 'SYMBOL', rank: 0, cell: ({ name }) => ({ text: name }) },
  { heading: 'BID', rank: 1, cell: ({ tick }) => textOr(tick?.bid) },
  { heading: 'ASK', rank: 1, cell: ({ tick }) => textOr(tick?.ask) },
  { heading: 'SPREAD', rank: 4, cell: ({ tick }) => textOr(tick?.spread) },
  {
    heading: 'LAST TRADE',
    rank: 3,
    cell: ({ trade }) =>
      trade === null
        ? NOTHING
        : { text: `${trade.side} ${trade.size} @ ${trade.price}`, colour: trade.side === 'buy' ? 'green' : 'red' },
  },
  {
    heading: 'CANDLE (O H L C, VOLUME)',
    rank: 6,
    cell: ({ candle }) =>
      textOr(candle && `${candle.open} ${candle.high} ${candle.low} ${candle.close}, ${candle.volume}`),
  },
  { heading: 'FEED', rank: 2, cell: feedCell },
  { heading: 'MSG/S', rank: 5, cell: (symbol, nowMs) => ({ text: symbol.rate(nowMs).toFixed(1) }) },
];
const CANDLE_RANK = 6;

function quotes(
  symbols: readonly WatchedSymbol[],
  { hasCandles, nowMs, columns: width }: Pick<TableView, 'hasCandles' | 'nowMs'> & Pick<TableStyle, 'columns'>,
): readonly (readonly Cell[])[] {
  for (let most = hasCandles ? CANDLE_RANK : CANDLE_RANK - 1; ; most -= 1) {
    const columns = COLUMNS.filter(({ rank }) => rank <= most);
    const heading = columns.map(({ heading: text }): Cell => ({ text, colour: 'bold' }));
    const rows = aligned([heading, ...symbols.map((symbol) => columns.map(({ cell }) => cell(symbol, nowMs)))]);
    const needed = rows[0]?.reduce((sum, { text }) => sum + GAP.length + text.length, -GAP.length) ?? 0;
    if (needed <= width || most <= 2) return rows;
  }
}

function textOr(text: string | null | undefined): Cell {
  return text === null || text === undefined ? NOTHING : { text };
}

function feedCell(symbol: WatchedSymbol, nowMs: number): Cell {
  const standing = symbol.standing(nowMs);
  const gaps = symbol.gaps === 0 ? '' : `, ${symbol.gaps} ${symbol.gaps === 1 ? 'gap' : 'gaps'}`;
  return { text: standing + gaps, colour: standing.startsWith('live') ? 'green' : 'yellow' };
}

/** Why the feed is not live, if it is known. */
function reasonOf({ name, status }: WatchedSymbol): readonly (readonly Cell[])[] {
  if (status === null || status.reason === null) return [];
  return [[{ text: `${name}: ${status.reason}`, colour: 'yellow' }]];
}

function bookOf({ book, name }: WatchedSymbol, depth: number): readonly (readonly Cell[])[] {
  if (depth === 0 || book === null) return [];
  const rows = Array.from({ length: Math.min(depth, Math.max(book.bids.length, book.asks.length)) }, (_, at) => [
    ...levelCells(book.bids[at], 'green', true),
    ...levelCells(book.asks[at], 'red', false),
  ]);
  const heading = ['SIZE', 'BID', 'ASK', 'SIZE'].map((text): Cell => ({ text, colour: 'dim' }));
  return [[], [{ text: `${name}, order book`, colour: 'bold' }], ...aligned([heading, ...rows])];
}

function levelCells(level: PriceLevel | undefined, colour: Colour, isBid: boolean): readonly Cell[] {
  const cells: readonly Cell[] =
    level === undefined ? [NOTHING, NOTHING] : [{ text: level.price, colour }, { text: level.size }];
  return isBid ? cells.toReversed() : cells;
}

/** Fills the cells of each column to one width. */
function aligned(rows: readonly (readonly Cell[])[]): readonly (readonly Cell[])[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, { text }] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, clean(text).length);
  }
  return rows.map((row) => row.map((cell, at) => ({ ...cell, text: clean(cell.text).padEnd(widths[at] ?? 0) })));
}

function line(cells: readonly Cell[], { columns, isColoured }: TableStyle): string {
  let left = columns;
  let text = '';
  for (const [at, { text: whole, colour }] of cells.entries()) {
    const shown = (at === 0 ? '' : GAP) + clean(whole);
    const cut = shown.length > left ? `${shown.slice(0, Math.max(0, left - 1))}…`.slice(0, left) : shown;
    left -= cut.length;
    text += isColoured && colour !== undefined && cut !== '' ? `\u001B[${CODES[colour]}m${cut}\u001B[0m` : cut;
    if (left <= 0) break;
  }
  return isColoured ? text : text.trimEnd();
}

/** Whatever a gateway sends, it does not control the terminal. */
export function clean(text: string): string {
  return text.replaceAll(/\p{Cc}|\p{Cf}/gu, '?');
}
