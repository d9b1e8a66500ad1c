import { readFile, writeFile } from 'node:fs/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatHeader, formatLine, RecordingFault } from '../../../src/recording/format.ts';
import { Recording } from '../../../src/recording/Recording.ts';
import { RecordingWriter } from '../../../src/recording/RecordingWriter.ts';
import { systemClock } from '../../../src/shared/clock.ts';
import { randomEvents } from '../../support/randomEvents.ts';
import { HEADER, readRecording, recorded, TemporaryFolder, writeRecording } from '../../support/recordingFiles.ts';
import { waitFor } from '../../support/waitFor.ts';

const events = fc.array(randomEvents).map((list) => list.map((event, at) => recorded(event, at + 1)));

describe('a recording', () => {
  it('has every event again, byte for byte, whatever is in it', async () => {
    await using folder = await TemporaryFolder.make();
    const path = folder.file('a.jsonl.gz');
    await fc.assert(
      fc.asyncProperty(events, async (list) => {
        const end = { type: 'end', at: HEADER.startedAt, events: list.length } as const;
        await writeRecording(path, [...list, end]);
        const { recording, lines } = await readRecording(path);
        expect(lines.map(formatLine)).toEqual([...list, end].map(formatLine));
        expect(recording.header).toEqual(HEADER);
        expect(recording.summary).toMatchObject({ events: list.length, damage: null });
      }),
      { numRuns: 50 },
    );
  });

  it('that is cut off anywhere is served up to there, and says so', async () => {
    await using folder = await TemporaryFolder.make();
    const whole = folder.file('whole.gz');
    const list = fc.sample(randomEvents, { numRuns: 200, seed: 1 }).map((event, at) => recorded(event, at + 1));
    await writeRecording(whole, [...list, { type: 'end', at: HEADER.startedAt, events: list.length }]);
    const bytes = await readFile(whole);
    const texts = list.map(formatLine);
    const cut = folder.file('cut.gz');
    let most = 0;
    for (const share of [0.3, 0.5, 0.7, 0.9]) {
      await writeFile(cut, bytes.subarray(0, Math.floor(bytes.length * share)));
      const { recording, lines } = await readRecording(cut);
      expect(recording.summary.damage).toContain('ends in the middle');
      expect(lines.map(formatLine)).toEqual(texts.slice(0, lines.length));
      most = Math.max(most, lines.length);
    }
    expect(most).toBeGreaterThan(0);
  });

  it('that was damaged is served up to the damage, and says so', async () => {
    await using folder = await TemporaryFolder.make();
    const path = folder.file('a.gz');
    const list = fc.sample(randomEvents, { numRuns: 3, seed: 2 }).map((event, at) => recorded(event, at + 1));
    const [first = '', second = ''] = list.map(formatLine);
    await writeFile(path, gzipSync(`${formatHeader(HEADER)}\n${first}\n{"type":"tick"}\n${second}\n`));
    const { recording, lines } = await readRecording(path);
    expect(recording.summary).toMatchObject({ events: 1, damage: 'It is damaged in the middle.' });
    expect(lines.map(formatLine)).toEqual([first]);
  });

  it.each([
    ['text', Buffer.from('hello'), /no recording/],
    ['nothing', Buffer.alloc(0), /no recording/],
    ['another file that is compressed', gzipSync('{"format":"something else"}\n'), /no recording/],
    ['a damaged header', gzipSync('{"format":"tickgraph-recording","version":1}\n'), /first line is damaged/],
    [
      'a newer format',
      gzipSync('{"format":"tickgraph-recording","version":2,"tickgraph":"9.0.0"}\n'),
      /newer tickgraph \(9\.0\.0, format 2\)/,
    ],
  ])('is refused with a clear reason if it is %s', async (_what, bytes, expected) => {
    await using folder = await TemporaryFolder.make();
    const path = folder.file('x');
    await writeFile(path, bytes);
    await expect(Recording.open(path)).rejects.toThrow(RecordingFault);
    await expect(Recording.open(path)).rejects.toThrow(expected);
  });

  it('can be read while it is being written: little is lost if the recorder is killed', async () => {
    await using folder = await TemporaryFolder.make();
    const path = folder.file('a.gz');
    await using writer = await RecordingWriter.create(HEADER, {
      path,
      replaces: false,
      clock: systemClock,
      onFault: (error) => {
        throw error;
      },
    });
    writer.write({ type: 'outage', from: HEADER.startedAt, to: HEADER.startedAt });
    const lines = await waitFor(async () => {
      // At first there is nothing, or a part of the first line.
      const read = await readRecording(path).catch(() => null);
      return read !== null && read.lines.length > 0 && read.lines;
    });
    expect(lines).toEqual([{ type: 'outage', from: HEADER.startedAt, to: HEADER.startedAt }]);
  });

  it('never replaces a file unasked', async () => {
    await using folder = await TemporaryFolder.make();
    const path = folder.file('a.gz');
    await writeFile(path, 'dear');
    const options = { path, replaces: false, clock: systemClock, onFault: () => undefined };
    await expect(RecordingWriter.create(HEADER, options)).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await readFile(path, 'utf8')).toBe('dear');
  });

  it('holds nothing of what only concerns the gateway', async () => {
    await using folder = await TemporaryFolder.make();
    const path = folder.file('a.gz');
    const [event] = fc.sample(
      randomEvents.filter(({ type }) => type === 'status'),
      { numRuns: 1, seed: 3 },
    );
    if (event?.type !== 'status') throw new Error('no status');
    await writeRecording(path, [{ ...recorded(event, 1), feeds: [] }]);
    expect(gunzipSync(await readFile(path)).toString()).not.toContain('"feeds"');
  });
});
