/** A document that asks for everything that a resumption takes. */
export interface ResumableDocument {
  readonly query: string;
  /** The variable that the argument `resume` is bound to. */
  readonly variable: string;
  /** The names under which events have their cursor, broker, symbol and type. */
  readonly names: readonly string[];
  /** The names among them that the client did not select. */
  readonly added: readonly string[];
  /** Whether the client's own document has the argument, so that the client expects to be told about replays. */
  readonly asksItself: boolean;
}

/** A piece of a document, the pieces around it, and the number of brackets that are open there. */
interface Token {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly depth: number;
  readonly previous: string;
  readonly next: string;
}

const TOKEN = /"""(?:\\"""|(?!""")[^])*"""|"(?:\\.|[^"\\\n\r])*"|#[^\n\r]*|\.\.\.|\w+|[^\s,]/g;

/**
 * Adds the argument `resume` to the field `marketData` or `marketDataBatch`, and the fields that tell its streams apart. The
 * result depends on the document alone, never on cursors, so that the gateway can share its work between all clients that
 * use the document. Null if the document has no such field, or more than one operation.
 */
export function addResume(query: string): ResumableDocument | null {
  const tokens = tokenize(query);
  const [operation, another] = tokens.filter(startsOperation);
  const field = tokens.find(
    ({ text, depth, next }) => depth === 1 && /^marketData(Batch)?$/.test(text) && next === '(',
  );
  const close = closing(tokens, ')', field);
  const begin = closing(tokens, '{', close);
  const end = closing(tokens, '}', begin);
  if (operation?.text !== 'subscription' || another || !field || !close || !begin || !end) return null;
  if (!isOwn(tokens, close, begin)) return null;

  const selected = new Set(
    between(tokens, close, end)
      .filter(isWholeField)
      .map(({ text }) => text),
  );
  const type = selected.has('__typename') ? '__typename' : 'type';
  const fields = ['cursor', 'broker', 'symbol', type];
  const names = fields.map((name) => (selected.has(name) ? name : unusedName(query, name)));
  const added = names.filter((name) => !selected.has(name));
  const selections = names.map((name, i) => (name === fields[i] ? '' : ` ${name}: ${fields[i]}`)).join('');
  const asking = query.slice(0, end.start) + selections + query.slice(end.start);

  const given = between(tokens, field, close);
  const argument = given.findIndex(({ text, next }) => text === 'resume' && next === ':');
  const asksItself = argument >= 0;
  const [value = close, second = close] = asksItself ? given.slice(argument + 2) : [];
  if (value.text === '$') return { query: asking, variable: second.text, names, added, asksItself };
  const variable = unusedName(query, 'resume');
  // The cursors of a list are one level deeper than its brackets. A list in the document becomes the variable's default.
  const after = asksItself ? (value.text === '[' ? second : value).end : value.start;
  // What follows a text may do so without a space.
  const bound = `${asksItself ? '' : ' resume: '}$${variable} `;
  const initial = asksItself ? ` = ${query.slice(value.start, after)}` : '';
  const resuming = asking.slice(0, value.start) + bound + asking.slice(after);
  return {
    query: declare(resuming, tokens, operation, `$${variable}: [String!]${initial}`),
    variable,
    names,
    added,
    asksItself,
  };
}

/** Adds a variable to an operation. */
function declare(query: string, tokens: readonly Token[], operation: Token, variable: string): string {
  const header = tokens.slice(tokens.indexOf(operation), tokens.indexOf(operation) + 3);
  const bracket = header.find(({ text }) => text === '(');
  const name = header.findLast(({ text }, i) => i < 2 && /^\w/.test(text));
  const at = (bracket ?? name ?? operation).end;
  return `${query.slice(0, at)}${bracket ? `${variable} ` : `(${variable})`}${query.slice(at)}`;
}

function tokenize(query: string): Token[] {
  const matches = [...query.matchAll(TOKEN)].filter(([text]) => !text.startsWith('#'));
  let open = 0;
  return matches.map(({ 0: text, index: start }, i) => {
    if (/^[)\]}]$/.test(text)) open -= 1;
    const depth = open;
    if (/^[([{]$/.test(text)) open += 1;
    const [previous = '', next = ''] = [matches[i - 1]?.[0], matches[i + 1]?.[0]];
    return { text, start, end: start + text.length, depth, previous, next };
  });
}

function startsOperation({ text, depth, previous }: Token): boolean {
  return depth === 0 && /^(query|mutation|subscription|\{)$/.test(text) && /^($|\}|")/.test(previous);
}

/** Whether this is a selected field that has its own name and no directive. */
function isWholeField({ previous, next }: Token): boolean {
  return !/^([:@$]|\.\.\.)$/.test(previous) && !/^[:@]$/.test(next);
}

/** Whether nothing but directives stands between the arguments and the selections, so that they are of one field. */
function isOwn(tokens: readonly Token[], close: Token, begin: Token): boolean {
  const those = tokens.filter(({ start, depth }) => depth === 1 && start > close.start && start < begin.start);
  return those.every(({ text, previous }) => /^[@()]$/.test(text) || previous === '@');
}

/** The next such bracket around what is selected or given at the root. */
function closing(tokens: readonly Token[], bracket: string, from: Token | undefined): Token | undefined {
  return from && tokens.find(({ text, start, depth }) => text === bracket && depth === 1 && start > from.start);
}

/** The tokens one level below the root, between two others. */
function between(tokens: readonly Token[], from: Token, to: Token): Token[] {
  return tokens.filter(({ start, depth }) => depth === 2 && start > from.start && start < to.start);
}

/** A name that is nowhere in the document. */
function unusedName(query: string, name: string): string {
  let unused = `tickgraph_${name}`;
  while (query.includes(unused)) unused += '_';
  return unused;
}
