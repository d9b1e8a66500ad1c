import { join } from 'node:path';
import ts from 'typescript';
import type { CodeBlock } from './docPages.ts';
import { projectFolder } from './GatewayProcess.ts';

/** Declarations that the code of pages takes from the code around it. */
const AROUND = `
  declare const client: import('graphql-ws').Client;
  declare const fetchQuery: import('relay-runtime').FetchFunction;
  declare function show(value: unknown): void;
  declare function showStatus(...values: readonly unknown[]): void;
  declare function addTrade(id: string, price: string, size: string): void;
  declare function currentToken(): Promise<string>;
`;

/** Returns the compiler's errors in blocks of `ts` (strictly) or `js`, each as a module of its own in the project. */
export function typeErrors(blocks: readonly CodeBlock[]): readonly string[] {
  const files = new Map<string, string>([[join(projectFolder, 'docs', 'around.d.ts'), AROUND]]);
  const places = new Map<string, string>();
  for (const [at, { language, text, place }] of blocks.entries()) {
    const file = join(projectFolder, 'docs', `block-${at}.${language}`);
    files.set(file, `${text}\nexport {};\n`);
    places.set(file, place);
  }
  const options = compilerOptions(blocks.every(({ language }) => language === 'ts'));
  const program = ts.createProgram([...files.keys()], options, hostWith(files, options));
  return ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
    const line = file === undefined ? 0 : ts.getLineAndCharacterOfPosition(file, start).line + 1;
    const place = places.get(file?.fileName ?? '') ?? file?.fileName;
    return `${place}, line ${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
}

/** The project's own options, with what a browser has. */
function compilerOptions(strict: boolean): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(projectFolder, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    readonly config: { readonly compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, projectFolder);
  const lib = ['lib.esnext.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts', 'lib.dom.asynciterable.d.ts'];
  return {
    ...options,
    lib,
    target: ts.ScriptTarget.ESNext,
    strict,
    allowJs: true,
    checkJs: true,
    exactOptionalPropertyTypes: strict,
    noUnusedLocals: false,
  };
}

function hostWith(files: ReadonlyMap<string, string>, options: ts.CompilerOptions): ts.CompilerHost {
  const host = ts.createCompilerHost(options);
  return {
    ...host,
    fileExists: (path) => files.has(path) || host.fileExists(path),
    readFile: (path) => files.get(path) ?? host.readFile(path),
    getSourceFile: (path, version) => {
      const text = files.get(path);
      return text === undefined
        ? host.getSourceFile(path, version)
        : ts.createSourceFile(path, text, {
            ...(typeof version === 'object' ? version : { languageVersion: version }),
          });
    },
  };
}
