import type { SoakOptions } from './options.ts';
import type { SoakResult } from './run.ts';

/** The result as tables in Markdown. */
export function soakReport({ seed, totalMs }: SoakOptions, result: SoakResult): string {
  const { connects, errors, events, faults, gapsTold, lives, memory, resumes, statesTold, violations, clients } =
    result;
  const { warm, end, cpuPerEventUs } = memory;
  const mb = (value: number | undefined): string => (value === undefined ? '-' : value.toFixed(1));
  const rows: (readonly [string, string | number])[] = [
    ['seed', seed],
    ['minutes', (totalMs / 60_000).toFixed(1)],
    ['clients', clients.length],
    ['events checked', events],
    ['faults', [...faults.values()].reduce((sum, count) => sum + count, 0)],
    ['connections of clients', connects],
    ['of these resumed', resumes],
    ['gaps told', gapsTold],
    ['lives of the gateway', lives],
    ['RSS warm / at the end (MB)', `${mb(warm?.rssMb)} / ${mb(end?.rssMb)}`],
    ['heap warm / at the end (MB)', `${mb(warm?.heapMb)} / ${mb(end?.heapMb)}`],
    ['handles beside clients, warm / at the end', `${warm?.resources ?? '-'} / ${end?.resources ?? '-'}`],
    ['timers, warm / at the end', `${warm?.timers ?? '-'} / ${end?.timers ?? '-'}`],
    ['clients, warm / at the end', `${warm?.connections ?? '-'} / ${end?.connections ?? '-'}`],
    ['memory', memory.text],
    ['CPU per event (us)', cpuPerEventUs.toFixed(1)],
    ['violations', violations.all.length],
  ];
  return [
    table(['what', 'value'], rows),
    table(
      ['fault', 'times'],
      [...faults].toSorted(([a], [b]) => a.localeCompare(b)),
    ),
    table(
      ['told to clients', 'times'],
      [...statesTold].toSorted(([a], [b]) => a.localeCompare(b)),
    ),
    ...(errors.size === 0 ? [] : [table(['error in the log of the gateway', 'times'], [...errors])]),
    ...(violations.kinds.size === 0 ? [] : [table(['violation', 'times'], [...violations.kinds])]),
  ].join('\n');
}

export function table(heads: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const lines = [heads, heads.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`);
  return `${lines.join('\n')}\n`;
}
