import { format, resolveConfig } from 'prettier';
import { z } from 'zod';
import { isApplicable } from '../src/config/difference.ts';
import { PLATFORM_VARIABLES, variableFor } from '../src/config/environment.ts';
import { configSchema } from '../src/config/schema.ts';
import { unwrap } from '../src/config/schemaWalk.ts';
import type { Schema } from '../src/config/schemaWalk.ts';
import { mayComeFromFile } from '../src/config/secrets.ts';
import type { Path } from '../src/config/tree.ts';

const INTRODUCTION = `
<!-- This page is generated from src/config: change the schema there, and run \`npm run docs:config\`. -->

# Configuration reference

Every setting, with what it may be, its default and its meaning. [operating.md](operating.md#configure) says where settings come
from and how environment variables are written, and [config.example.yaml](../config.example.yaml) is a file with all defaults.
\`node bin/tickgraph.cjs check-config\` prints the configuration that is in effect, or everything that is wrong with it.

Below each setting is its environment variable. A second variable with \`_FILE\` behind it names a file that has the value. A change
is applied **at once**, while the gateway runs, or takes a **restart** ([more](operating.md#change-it-while-it-runs)).

`;

const FILE = new URL('../docs/configuration.md', import.meta.url);

/** The page docs/configuration.md, and the file that it is kept in. */
export async function configReference(): Promise<{ readonly file: URL; readonly text: string }> {
  const sections = Object.entries(configSchema.shape).flatMap(([name, schema]) =>
    name === 'brokers' ? brokerSections(schema) : [section(name, schema)],
  );
  const style = await resolveConfig(FILE);
  return { file: FILE, text: await format(INTRODUCTION + sections.join('\n'), { ...style, parser: 'markdown' }) };
}

function section(name: string, schema: Schema): string {
  return `## ${name}\n\n${meaningOf(schema)}\n\n${table(settingsBelow([name], schema))}${itemTables([name], schema)}`;
}

/** One section for each kind of broker. Its settings are those of the broker that there is by default. */
function brokerSections(schema: Schema): readonly string[] {
  const brokers = unwrap(schema);
  const kinds = brokers instanceof z.ZodRecord ? optionsOf(brokers.valueType) : [];
  const introduction =
    '## brokers\n\nThe brokers by id. These four exist without any configuration, each under the name of its kind; `null` ' +
    'removes one. A broker with another id needs its `kind`, and its variables have that id in place of this one.\n';
  return [
    introduction,
    ...kinds.map((kind) => {
      const path = ['brokers', kindOf(kind)];
      return `### ${path.join('.')}\n\n${table(settingsBelow(path, kind))}${itemTables(path, kind)}`;
    }),
  ];
}

interface Setting {
  readonly path: Path;
  readonly schema: Schema;
}

/** The settings of a section and of those within it, without the items of lists. */
function settingsBelow(path: Path, schema: Schema): readonly Setting[] {
  const inner = unwrap(schema);
  if (!(inner instanceof z.ZodObject)) return [{ path, schema }];
  // A section that may be null is a setting itself.
  const own = schema instanceof z.ZodDefault ? [{ path, schema }] : [];
  return [...own, ...entries(inner).flatMap(([key, child]) => settingsBelow([...path, key], child))];
}

/** A table for each list whose items are sections. */
function itemTables(path: Path, schema: Schema): string {
  return settingsBelow(path, schema)
    .flatMap((setting) => {
      const list = unwrap(setting.schema);
      if (!(list instanceof z.ZodArray)) return [];
      const [item] = optionsOf(list.element);
      const inner = item === undefined ? undefined : unwrap(item);
      if (!(inner instanceof z.ZodObject)) return [];
      const heading = `\nEach item of \`${setting.path.join('.')}\`:\n\n`;
      const rows = entries(inner).map(([key, child]) => itemRow(key, child, list.element));
      return [`${heading}| key | value | default | meaning |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`];
    })
    .join('\n');
}

function itemRow(key: string, schema: Schema, item: Schema): string {
  const ofOptions = optionsOf(item).map((option) => {
    const inner = unwrap(option);
    const own = inner instanceof z.ZodObject ? entries(inner).find(([name]) => name === key)?.[1] : undefined;
    return own === undefined ? '' : defaultOf(own);
  });
  const standard = new Set(ofOptions).size > 1 ? 'by kind' : defaultOf(schema);
  const values = key === 'kind' ? `one of: ${optionsOf(item).map(kindOf).join(', ')}` : valuesOf(schema);
  return row([`\`${key}\``, values, standard, key === 'kind' ? 'What happens.' : meaningOf(schema)]);
}

function table(settings: readonly Setting[]): string {
  const rows = settings
    .filter(({ path }) => path.at(-1) !== 'kind')
    .map(({ path, schema }) =>
      row([
        `\`${path.join('.')}\`<br>${variables(path)}`,
        valuesOf(schema),
        defaultOf(schema),
        isApplicable(path.join('.')) ? 'at once' : 'restart',
        meaningOf(schema),
      ]),
    );
  return `| setting | value | default | change | meaning |\n| --- | --- | --- | --- | --- |\n${rows.join('\n')}\n`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
}

function variables(path: Path): string {
  const name = variableFor(path);
  const platform = PLATFORM_VARIABLES.filter(([, of]) => of.join('.') === path.join('.')).map(([short]) => short);
  const all = [name, ...platform, ...(mayComeFromFile(path) ? [`${name}_FILE`] : [])];
  return all.map((each) => `\`${each}\``).join('<br>');
}

/** Returns the schema's message about a value that is none. */
function valuesOf(schema: Schema): string {
  const inner = unwrap(schema);
  const orNull = z.safeParse(schema, null).success ? ', or null' : '';
  return `${expectationOf(inner)}${orNull}`;
}

function expectationOf(schema: Schema): string {
  const expected = escaped(z.safeParse(schema, Symbol('no setting')).error?.issues[0]?.message ?? '');
  if (schema instanceof z.ZodRecord) return `${expected}: ${expectationOf(unwrap(schema.valueType))}`;
  if (!(schema instanceof z.ZodArray)) return expected;
  const item = unwrap(schema.element);
  const hasOwnTable = item instanceof z.ZodObject || item instanceof z.ZodDiscriminatedUnion;
  return [expected, ...(hasOwnTable ? [] : [`each ${expectationOf(item)}`]), ...mostOf(schema)].join(', ');
}

/** Messages are plain text. In Markdown some characters would mean something, and URLs would become links. */
function escaped(text: string): string {
  return text
    .split(/([\w+]+:\/\/[\w.*-]*)/)
    .map((part) => (part.includes('://') ? `\`${part}\`` : part.replaceAll(/[*_<]/g, String.raw`\$&`)))
    .join('');
}

/** How many items a list may have. */
function mostOf(list: z.ZodArray): readonly string[] {
  const { maxItems } = z.toJSONSchema(list, { unrepresentable: 'any', io: 'input' });
  return maxItems === undefined ? [] : [`${maxItems} at most`];
}

/** The value if the setting is left out; a dash if it may not be. */
function defaultOf(schema: Schema): string {
  const result = z.safeParse(schema, undefined);
  if (!result.success || result.data === undefined) return '–';
  const { data } = result;
  const text = typeof data === 'string' ? data : JSON.stringify(data, null, 1).replaceAll(/\s+/g, ' ');
  return `\`${text}\``;
}

/** The nearest description: a setting with a default has it outside of that, or inside if several settings share it. */
function meaningOf(schema: Schema): string {
  const own = z.globalRegistry.get(schema)?.description;
  if (own !== undefined) return own;
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) return meaningOf(schema.unwrap());
  return schema instanceof z.ZodNullable || schema instanceof z.ZodOptional ? meaningOf(schema.unwrap()) : '';
}

function entries(schema: z.ZodObject): readonly (readonly [string, Schema])[] {
  return Object.entries(schema.shape);
}

function optionsOf(schema: Schema): readonly Schema[] {
  const inner = unwrap(schema);
  return inner instanceof z.ZodDiscriminatedUnion ? inner.options : [inner];
}

function kindOf(schema: Schema): string {
  const inner = unwrap(schema);
  const kind = inner instanceof z.ZodObject ? inner.shape['kind'] : undefined;
  return kind instanceof z.ZodLiteral ? String(kind.value) : '';
}
