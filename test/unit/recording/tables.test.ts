import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { TableWriter } from '../../../src/recording/TableWriter.ts';
import { book, status, tick, trade } from '../../support/events.ts';
import { TemporaryFolder } from '../../support/recordingFiles.ts';

async function write(path: string, format: 'csv' | 'parquet', lines: Parameters<TableWriter['write']>[0][]) {
  const onFault = (error: unknown): void => {
    throw error;
  };
  const types = ['tick', 'trade', 'orderbook'] as const;
  const writer = await TableWriter.create({ path, format, types, replaces: false, onFault });
  for (const line of lines) writer.write(line);
  await writer.close();
}

describe('tables for analysis', () => {
  it('are one file for each type, with exact decimals and a row for each level of a book', async () => {
    await using folder = await TemporaryFolder.make();
    const reason = 'A "quoted", long\nreason';
    await write(folder.file('x.csv'), 'csv', [
      tick(1, '100.10'),
      trade(1),
      book(1, 'snapshot', { bids: [['1.0', '2.50']], asks: [['1.1', '0']] }),
      status(1, { reason }),
    ]);
    const rows = async (type: string): Promise<string[]> =>
      (await readFile(folder.file(`x.${type}.csv`), 'utf8')).trimEnd().split('\n');
    expect((await rows('tick'))[1]).toContain(',100.10,');
    expect(await rows('trade')).toHaveLength(2);
    const [, bid, ask] = await rows('orderbook');
    expect(bid).toMatch(/,snapshot,bid,1\.0,2\.50$/);
    expect(ask).toMatch(/,snapshot,ask,1\.1,0$/);
    expect((await rows('status')).join('\n')).toContain('"A ""quoted"", long\nreason"');
  });

  it('are parquet files with their magic at both ends, also without a row', async () => {
    await using folder = await TemporaryFolder.make();
    await write(folder.file('x.parquet'), 'parquet', [tick(1), tick(2)]);
    for (const type of ['tick', 'trade', 'orderbook', 'status']) {
      const bytes = await readFile(folder.file(`x.${type}.parquet`));
      expect(bytes.subarray(0, 4).toString()).toBe('PAR1');
      expect(bytes.subarray(-4).toString()).toBe('PAR1');
    }
  });

  it('leave no file behind if one of them can not be made', async () => {
    await using folder = await TemporaryFolder.make();
    await write(folder.file('x.csv'), 'csv', []);
    const options = { path: folder.file('x.csv'), format: 'csv', replaces: false, onFault: () => undefined } as const;
    await expect(TableWriter.create({ ...options, types: ['candle', 'trade'] })).rejects.toMatchObject({
      code: 'EEXIST',
    });
    await expect(readFile(folder.file('x.candle.csv'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

it('a disk that does not keep up ends the tables with that reason, said once, and nothing more waits', async () => {
  await using folder = await TemporaryFolder.make();
  const faults: unknown[] = [];
  const options = { path: folder.file('x.csv'), format: 'csv', types: ['tick'], replaces: false } as const;
  await using writer = await TableWriter.create({ ...options, onFault: (error) => faults.push(error) });
  const large = { ...tick(1), symbol: 'X'.repeat(1_000_000) };
  for (let n = 0; n < 100; n += 1) writer.write(large);
  expect(faults).toEqual([new Error('The disk does not keep up.')]);
  await writer.close();
  expect(writer.bytes).toBeLessThan(70_000_000);
});
