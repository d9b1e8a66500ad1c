import { readFileSync } from 'node:fs';
import { collectDefaultMetrics, Histogram } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { BusHealth } from '../../../src/bus/EventBus.ts';
import { BROKER_STATES } from '../../../src/core/brokerInfo.ts';
import { ERROR_CODES } from '../../../src/shared/errors.ts';
import { Metrics, TalliedHistogram } from '../../../src/shared/metrics.ts';

interface Panel {
  readonly id: number;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** An expression, and the labels of its result that a text beside it shows. */
interface Shown {
  readonly expr: string;
  readonly labels: readonly string[];
}

const BUS_STATES: readonly BusHealth['state'][] = ['ok', 'connecting', 'lost'];
/** The labels that Prometheus adds to each series. */
const ADDED = ['instance', 'job'];
const WORDS = new Set(['and', 'or', 'unless', 'on', 'by', 'offset', 'sum', 'max', 'min', 'avg', 'count']);
/** Labels whose values the code lists. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  'tickgraph_broker_state state': BROKER_STATES,
  'tickgraph_bus_state state': BUS_STATES,
  'tickgraph_errors_total code': Object.keys(ERROR_CODES),
};

const metrics = new Metrics();
const own = metrics.registry.getMetricsAsArray().map(({ name }) => name);
collectDefaultMetrics({ register: metrics.registry });
const known = new Map(metrics.registry.getMetricsAsArray().flatMap(({ name }) => series(name)));

const rules = (parse(read('deploy/alerts.yaml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);
const { panels } = JSON.parse(read('deploy/grafana/tickgraph.json')) as { panels: Panel[] };
const shown: readonly Shown[] = [
  ...rules.map(({ expr, annotations }) => ({
    expr,
    labels: names(Object.values(annotations).join(' '), /\$labels\.(\w+)/g),
  })),
  ...panels.flatMap(({ targets }) =>
    targets.map(({ expr, legendFormat }) => ({ expr, labels: names(legendFormat, /\{\{(\w+)\}\}/g) })),
  ),
];

function read(path: string): string {
  return readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
}

function names(text: string, pattern: RegExp): readonly string[] {
  return [...text.matchAll(pattern)].map(([, name = '']) => name);
}

function labelsOf(name: string): readonly string[] {
  const metric: unknown = metrics.registry.getSingleMetric(name);
  return typeof metric === 'object' && metric !== null && 'labelNames' in metric && Array.isArray(metric.labelNames)
    ? metric.labelNames.map(String)
    : [];
}

/** The names that a metric has in Prometheus, each with its labels. */
function series(name: string): readonly (readonly [string, readonly string[]])[] {
  const metric: unknown = metrics.registry.getSingleMetric(name);
  const labels = labelsOf(name);
  const isHistogram = metric instanceof Histogram || metric instanceof TalliedHistogram;
  const parts = ['_bucket', '_sum', '_count'].map((part) => [name + part, [...labels, 'le']] as const);
  return isHistogram ? parts : [[name, labels]];
}

/** The metrics that an expression asks for, whatever they are called. */
function asked(expr: string): readonly string[] {
  const bare = expr
    .replaceAll(/"[^"]*"/g, '')
    .replaceAll(/\{[^}]*\}|\[\w+\]/g, ' ')
    .replaceAll(/\b(?:by|on) \([^)]*\)/g, ' ');
  return names(bare, /\b([a-z_]\w*)\b(?!\w*\()/g).filter((word) => !WORDS.has(word));
}

/** The labels that the result of an expression has. */
function resultLabels(expr: string): readonly string[] {
  const [grouped] = names(expr, /\bby \(([^)]*)\)/g);
  if (grouped !== undefined) return grouped.split(', ');
  return /^(?:sum|max|absent)\(/.test(expr) ? [] : [...ADDED, ...(known.get(asked(expr)[0] ?? '') ?? [])];
}

describe('the alert rules and the dashboard', () => {
  it('are there', () => {
    expect(shown.length).toBeGreaterThan(30);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });

  it.each(shown)('ask for metrics that there are, by labels that they have: $expr', ({ expr, labels }) => {
    expect(asked(expr)).not.toEqual([]);
    for (const name of asked(expr)) expect([...known.keys()]).toContain(name);
    for (const [, metric = '', matchers = ''] of expr.matchAll(/(\w+)\{([^}]*)\}/g)) {
      for (const [, label = '', text = ''] of matchers.matchAll(/(\w+)[=!~]+"([^"]*)"/g)) {
        expect(known.get(metric)).toContain(label);
        for (const value of text.split('|')) expect(VALUES[`${metric} ${label}`]).toContain(value);
      }
    }
    const all = [...ADDED, ...asked(expr).flatMap((name) => known.get(name) ?? [])];
    const grouped = names(expr, /\b(?:by|on) \(([^)]*)\)/g).flatMap((list) => list.split(', '));
    for (const label of grouped) expect(all).toContain(label);
    for (const label of labels) expect(resultLabels(expr)).toContain(label);
  });

  // A labelled counter has no series until it counts, and Prometheus sees no increase in the first value of a series.
  it.each(rules.filter(({ expr }) => expr.includes('increase(')))('see the first time that $alert', ({ expr }) => {
    for (const name of new Set(names(expr, /increase\((\w+)/g))) {
      expect(expr).toMatch(new RegExp(`unless ${name}\\S* offset 5m`));
    }
  });

  it('leave out brokers that nobody is connected to before a client authenticates', () => {
    const about = rules.filter(({ expr }) => expr.includes('tickgraph_broker_state'));
    expect(about.length).toBeGreaterThan(0);
    for (const { expr } of about) expect(expr).toContain('and on (broker) sum by (broker) (tickgraph_bus_leader) >= 0');
  });

  it('are about tickgraph alone, also if a metric is one that every Node process has', () => {
    const about = rules.filter(({ expr }) => asked(expr).some((name) => !own.includes(name)));
    expect(about.length).toBeGreaterThan(0);
    for (const { expr } of about) expect(expr).toContain('and on (instance) tickgraph_bus_state{state="ok"}');
  });
});

it('the panels of the dashboard have places and numbers of their own', () => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const { id, gridPos: a } of panels) {
    expect(a.x + a.w).toBeLessThanOrEqual(24);
    for (const { gridPos: b } of panels.filter((other) => other.id !== id)) {
      const isApart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
      expect(isApart).toBe(true);
    }
  }
});

it('the page on operating lists every metric with its labels, and no other', () => {
  const told = names(read('docs/operating.md'), /^\| `(tickgraph_\w+(?:\{[\w,]+\})?)` +\|/gm);
  const all = own.map((name) => (labelsOf(name).length === 0 ? name : `${name}{${labelsOf(name).join(',')}}`));
  expect(told.toSorted()).toEqual(all.toSorted());
});

it('the page on scaling lists every metric of the bus', () => {
  const page = read('docs/scaling.md');
  for (const name of own.filter((each) => each.startsWith('tickgraph_bus_'))) expect(page).toContain(name);
});
