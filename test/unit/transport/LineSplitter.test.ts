import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter, LineTooLongError } from '../../../src/transport/LineSplitter.ts';

function linesOf(pieces: readonly Buffer[], maxBytes = 1_000): string[] {
  const splitter = new LineSplitter(maxBytes);
  return pieces.flatMap((piece) => [...splitter.push(piece)].map(String));
}

const cutAt = (bytes: Buffer, ...cuts: number[]): Buffer[] => {
  const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end));
};

describe('the line splitter', () => {
  it.each([
    ['one line', 'a\n', ['a']],
    ['several lines in one piece', 'a\nb\nc\n', ['a', 'b', 'c']],
    ['carriage returns before line feeds', 'a\r\nb\r\n', ['a', 'b']],
    ['empty lines, which are no lines', '\n\r\n\na\n\r\n', ['a']],
    ['a carriage return within a line, which is part of it', 'a\rb\n', ['a\rb']],
    ['a tail without an end, which is no line', 'a\nb', ['a']],
    ['nothing', '', []],
  ])('makes lines of %s', (_name, text, expected) => {
    expect(linesOf([Buffer.from(text)])).toEqual(expected);
  });

  it('makes the same lines wherever the bytes are cut', () => {
    const line = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => !/[\r\n]/.test(text));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n'))),
        fc.array(fc.nat(200), { maxLength: 20 }),
        (lines, cuts) => {
          const bytes = Buffer.from(lines.map(([text, end]) => text + end).join(''));
          const pieces = cutAt(bytes, ...cuts.map((cut) => Math.min(cut, bytes.length)));
          expect(linesOf(pieces)).toEqual(lines.map(([text]) => text).filter((text) => text !== ''));
        },
      ),
    );
  });

  it('takes a line of the greatest length, and none longer, ended or not', () => {
    expect(linesOf([Buffer.from('12345\n')], 5)).toEqual(['12345']);
    expect(() => linesOf([Buffer.from('123456\n')], 5)).toThrow(LineTooLongError);
    expect(() => linesOf([Buffer.from('123'), Buffer.from('456')], 5)).toThrow(LineTooLongError);
  });

  it('gives the lines before one that is too long', () => {
    const splitter = new LineSplitter(3);
    const lines: string[] = [];
    expect(() => {
      for (const line of splitter.push(Buffer.from('a\nb\ntoo long'))) lines.push(String(line));
    }).toThrow(LineTooLongError);
    expect(lines).toEqual(['a', 'b']);
  });
});
