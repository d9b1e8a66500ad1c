import { describe, expect, it } from 'vitest';
import { renderTable } from '../../../../src/cli/watch/renderTable.ts';
import type { TableView } from '../../../../src/cli/watch/renderTable.ts';
import { WatchedSymbol } from '../../../../src/cli/watch/WatchedSymbol.ts';
import { book, status, tick, trade } from '../../../support/events.ts';

const WIDE = { columns: 200, rows: 50, isColoured: false };

function view(symbols: readonly WatchedSymbol[], members: Partial<TableView> = {}): TableView {
  return { title: 'mock at http://x', trouble: null, symbols, hasCandles: true, depth: 0, nowMs: 10_000, ...members };
}

function watched(): WatchedSymbol {
  const symbol = new WatchedSymbol('BTCUSDT');
  symbol.apply(tick(1, '100.10', '100.20'), 9_000);
  symbol.apply(trade(1), 9_960);
  return symbol;
}

describe('the table of watch', () => {
  it('has a row for each symbol, with what came last and how old that is', () => {
    const text = renderTable(view([watched(), new WatchedSymbol('ETHUSDT')]), WIDE).join('\n');
    expect(text).toMatch(/BTCUSDT +100\.10 +100\.20 /);
    expect(text).toMatch(/live 40 ms/);
    expect(text).toMatch(/ETHUSDT.* waiting /);
  });

  it('says in words that a feed can not be relied on, since when, and why', () => {
    const symbol = watched();
    symbol.apply(status(1, { state: 'stale', reason: 'No tick has come for a while.' }), 7_900);
    const text = renderTable(view([symbol]), WIDE).join('\n');
    expect(text).toContain('stale 2 s');
    expect(text).toContain('BTCUSDT: No tick has come for a while.');
  });

  it('counts gaps', () => {
    const symbol = watched();
    symbol.apply(status(1, { gap: { type: 'trade', from: null, to: null } }), 9_000);
    expect(renderTable(view([symbol]), WIDE).join('\n')).toContain('live 40 ms, 1 gap');
  });

  it.each([20, 40, 60, 80, 100, 120])(
    'is never wider than %d columns, and names the feed as long as it can',
    (columns) => {
      const lines = renderTable(view([watched()], { title: 'a'.repeat(300) }), { ...WIDE, columns });
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
      expect(lines.join('\n').includes('live 40 ms')).toBe(columns >= 40);
    },
  );

  it('is never higher than the screen', () => {
    const symbols = Array.from({ length: 40 }, (_, at) => new WatchedSymbol(`S${at}`));
    expect(renderTable(view(symbols), { ...WIDE, rows: 10 })).toHaveLength(10);
  });

  it('shows the best levels of a book if that is asked for', () => {
    const symbol = watched();
    symbol.apply(
      book(1, 'snapshot', {
        bids: [
          ['100.1', '5'],
          ['100.0', '7'],
        ],
        asks: [['100.2', '3']],
      }),
      9_990,
    );
    const text = renderTable(view([symbol], { depth: 1 }), WIDE).join('\n');
    expect(text).toMatch(/5 +100\.1 +100\.2 +3/);
    expect(text).not.toContain('100.0 ');
  });

  it('never lets a gateway control the terminal', () => {
    const symbol = new WatchedSymbol('BTC\u001B[2J\u202E');
    symbol.apply(status(1, { state: 'closed', reason: '\u001B]0;title\u0007' }), 9_000);
    expect(renderTable(view([symbol]), WIDE).join('')).not.toMatch(/\p{Cc}|\p{Cf}/u);
  });

  it('has colours only if it may', () => {
    const isColoured = (lines: readonly string[]): boolean => lines.some((line) => line.includes('\u001B['));
    expect(isColoured(renderTable(view([watched()]), WIDE))).toBe(false);
    expect(isColoured(renderTable(view([watched()]), { ...WIDE, isColoured: true }))).toBe(true);
  });
});
