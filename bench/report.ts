import { CASES, isCompressed, plainOf } from './cases.ts';
import type { CaseName } from './cases.ts';
import type { Sample } from './Scenario.ts';
import { SCENARIO_TABLE } from './scenarios.ts';
import { median } from './statistics.ts';

interface Ratio {
  readonly title: string;
  /** @default the main one */
  readonly figure?: string;
  /** The case to compare with; null if there is none. */
  readonly peerOf: (name: CaseName) => CaseName | null;
  /** If true, the ratio says how many times less it is, instead of more. */
  readonly inverted?: boolean;
}

const plainPeer = (name: CaseName): CaseName | null => (isCompressed(name) ? plainOf(name) : null);

/** The ratios, which are computed within each round. */
const RATIOS: readonly Ratio[] = [
  { title: 'x tcp', peerOf: () => 'tcp' },
  { title: 'stock / it', peerOf: () => 'stock', inverted: true },
  { title: 'x plain', peerOf: plainPeer },
  { title: 'B x plain', figure: 'B/msg', peerOf: plainPeer },
];

/** One case with one setting, over all rounds. */
export interface Row {
  readonly scenario: Sample['scenario'];
  readonly setting: string;
  readonly name: CaseName;
  readonly rounds: number;
  /** The medians of the figures. */
  readonly figures: Readonly<Record<string, number>>;
  /** The main figure, with its lowest and its highest value. */
  readonly main: { readonly name: string; readonly value: number; readonly least: number; readonly greatest: number };
  /** The medians of the available ratios, which were computed within each round. */
  readonly ratios: Readonly<Record<string, number>>;
}

export function rowsOf(samples: readonly Sample[]): readonly Row[] {
  const groups = Map.groupBy(samples, ({ scenario, setting, name }) => JSON.stringify([scenario, setting, name]));
  return [...groups.values()].flatMap((own) => rowOf(own, samples)).toSorted((a, b) => order(a.name) - order(b.name));
}

/** Returns a table for each scenario and setting, as Markdown. */
export function tablesOf(rows: readonly Row[]): string {
  return [...bySetting(rows).values()].map(tableOf).join('\n\n');
}

/** Returns the main figure of every row, as bars. */
export function svgOf(rows: readonly Row[]): string {
  const width = 720;
  const lines: string[] = [];
  let y = 0;
  for (const own of bySetting(rows).values()) {
    const [first] = own;
    if (first === undefined) continue;
    y += 34;
    lines.push(
      `<text x="8" y="${y}" font-weight="bold">${first.scenario}: ${first.setting}, ${first.main.name}</text>`,
    );
    const longest = Math.max(...own.map(({ main }) => main.value));
    for (const { name, main } of own) {
      y += 22;
      const length = Math.max(1, Math.round((main.value / longest) * (width - 270)) || 1);
      const fill = name.startsWith('gateway') ? '#2f6fde' : '#9aa4b2';
      lines.push(
        `<text x="140" y="${y}" text-anchor="end">${name}</text>`,
        `<rect x="150" y="${y - 13}" width="${length}" height="16" fill="${fill}"/>`,
        `<text x="${158 + length}" y="${y}">${shown(main.value)}</text>`,
      );
    }
  }
  const size = `width="${width}" height="${y + 20}" viewBox="0 0 ${width} ${y + 20}"`;
  const style = 'font-family="system-ui, sans-serif" font-size="13"';
  const background = '<rect width="100%" height="100%" fill="#fff"/>';
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${style}>\n${background}\n${lines.join('\n')}\n</svg>\n`;
}

function rowOf(own: readonly Sample[], samples: readonly Sample[]): readonly Row[] {
  const [first] = own;
  if (first === undefined) return [];
  const { scenario, setting, name } = first;
  const mainName = SCENARIO_TABLE[scenario].main;
  const main = own.map(({ figures }) => figures[mainName] ?? Number.NaN);
  const ratioOf = ({ title, figure = mainName, peerOf, inverted = false }: Ratio): [string, number][] => {
    const other = peerOf(name);
    const peers = samples.filter(
      (sample) => sample.scenario === scenario && sample.setting === setting && sample.name === other,
    );
    const taken = own.flatMap(({ round, figures }) => {
      const its = figures[figure];
      const theirs = peers.find((peer) => peer.round === round)?.figures[figure];
      if (its === undefined || theirs === undefined) return [];
      return [inverted ? theirs / its : its / theirs];
    });
    return taken.length === 0 ? [] : [[title, median(taken)]];
  };
  const figures = Object.fromEntries(
    Object.keys(first.figures).map((figure) => [figure, median(own.map((s) => s.figures[figure] ?? Number.NaN))]),
  );
  return [
    {
      scenario,
      setting,
      name,
      rounds: own.length,
      figures,
      main: { name: mainName, value: median(main), least: Math.min(...main), greatest: Math.max(...main) },
      ratios: Object.fromEntries(RATIOS.flatMap(ratioOf)),
    },
  ];
}

function tableOf(rows: readonly Row[]): string {
  const [first] = rows;
  if (first === undefined) return '';
  const columns = Object.keys(first.figures);
  const titles = RATIOS.map(({ title }) => title).filter((title) => rows.some(({ ratios }) => title in ratios));
  const header = ['case', ...columns, `${first.main.name} range`, ...titles, 'rounds'];
  const body = rows.map(({ name, figures, main, ratios, rounds }) => [
    name,
    ...columns.map((column) => shown(figures[column] ?? Number.NaN)),
    `${shown(main.least)}-${shown(main.greatest)}`,
    ...titles.map((title) => shownRatio(ratios[title])),
    String(rounds),
  ]);
  const widths = header.map((title, index) =>
    Math.max(title.length, ...body.map((cells) => cells[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, index) => (index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0))).join(' | ')} |`;
  const rule = `|${widths.map((width, index) => `${'-'.repeat(width + 1)}${index === 0 ? '-' : ':'}`).join('|')}|`;
  return [`### ${first.scenario}: ${first.setting}`, '', line(header), rule, ...body.map(line)].join('\n');
}

function bySetting(rows: readonly Row[]): Map<string, Row[]> {
  return Map.groupBy(rows, ({ scenario, setting }) => `${scenario} ${setting}`);
}

function order(name: CaseName): number {
  return CASES.indexOf(name);
}

function shownRatio(value: number | undefined): string {
  return value !== undefined && Number.isFinite(value) ? value.toFixed(2) : '';
}

function shown(value: number): string {
  if (Number.isNaN(value)) return '-';
  if (Math.abs(value) >= 100 || Number.isInteger(value)) return value.toFixed(0);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}
