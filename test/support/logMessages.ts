import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const LEVELS: ReadonlySet<string> = new Set(['info', 'warn', 'error', 'fatal']);
const SOURCE = fileURLToPath(new URL('../../src/', import.meta.url));

/**
 * Every message that the gateway can log for an operator, as the source has it: `…` stands for what is put in. A message that
 * is handed to a function is looked for where that function is called in the same file.
 */
export function logMessages(): ReadonlySet<string> {
  const found = new Set<string>();
  for (const name of globSync('**/*.ts', { cwd: SOURCE })) {
    const text = readFileSync(`${SOURCE}${name}`, 'utf8');
    for (const message of messagesIn(ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true))) found.add(message);
  }
  return found;
}

function messagesIn(file: ts.SourceFile): readonly string[] {
  return callsIn(file).flatMap((call) => {
    const message = messageOf(call);
    if (message === undefined) return [];
    const texts = textsOf(message);
    if (texts.length > 0 && !ts.isTemplateExpression(message)) return texts;
    return throughName(message, file);
  });
}

/** The argument of a call that logs which is its message. */
function messageOf({ expression, arguments: args }: ts.CallExpression): ts.Expression | undefined {
  if (ts.isIdentifier(expression)) return expression.text === 'logFault' ? args[2] : undefined;
  if (!ts.isPropertyAccessExpression(expression) || !LEVELS.has(expression.name.text)) return undefined;
  return /(?:logger|log)(?:\(\))?$/i.test(expression.expression.getText()) ? args.at(-1) : undefined;
}

/** The messages that a variable, a parameter, or a template with one of them, may have. */
function throughName(message: ts.Expression, file: ts.SourceFile): readonly string[] {
  const wrap = (text: string): string =>
    ts.isTemplateExpression(message)
      ? message.head.text + text + message.templateSpans.map(({ literal }) => literal.text).join('…')
      : text;
  const name = ts.isTemplateExpression(message) ? message.templateSpans[0]?.expression.getText() : message.getText();
  const owner = ts.findAncestor(message, isNamedFunction);
  const constant = declarationsIn(owner ?? file).find(
    (each) => each.name.getText() === name && each.initializer !== undefined,
  );
  const values = constant?.initializer === undefined ? argumentsFor(owner, name, file) : textsOf(constant.initializer);
  return values.map(wrap);
}

function argumentsFor(
  owner: NamedFunction | undefined,
  name: string | undefined,
  file: ts.SourceFile,
): readonly string[] {
  const at = owner?.parameters.findIndex((each) => each.name.getText() === name) ?? -1;
  if (owner === undefined || at === -1) return [];
  return callsIn(file)
    .filter(({ expression }) => expression.getText().split('.').at(-1) === owner.name.getText())
    .flatMap(({ arguments: args }) => {
      const argument = args[at];
      return argument === undefined ? [] : textsOf(argument);
    });
}

type NamedFunction = ts.MethodDeclaration | (ts.FunctionDeclaration & { readonly name: ts.Identifier });

function isNamedFunction(node: ts.Node): node is NamedFunction {
  return ts.isMethodDeclaration(node) || (ts.isFunctionDeclaration(node) && node.name !== undefined);
}

function textsOf(node: ts.Expression): readonly string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isConditionalExpression(node)) return [...textsOf(node.whenTrue), ...textsOf(node.whenFalse)];
  return [];
}

function callsIn(node: ts.Node): readonly ts.CallExpression[] {
  const inside: ts.CallExpression[] = [];
  ts.forEachChild(node, (child) => {
    inside.push(...callsIn(child));
  });
  return ts.isCallExpression(node) ? [node, ...inside] : inside;
}

function declarationsIn(node: ts.Node): readonly ts.VariableDeclaration[] {
  const inside: ts.VariableDeclaration[] = [];
  ts.forEachChild(node, (child) => {
    inside.push(...declarationsIn(child));
  });
  return ts.isVariableDeclaration(node) ? [node, ...inside] : inside;
}
