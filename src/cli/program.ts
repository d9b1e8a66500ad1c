import { Command, CommanderError } from 'commander';
import { checkConfig } from './checkConfig.ts';
import { health } from './health.ts';
import { EXIT_CODES } from './process.ts';
import { serve } from './serve.ts';
import type { CommandContext } from './process.ts';

/** Runs the command that the arguments (without the program's name) select, and resolves with the exit code. */
export async function runCommand(args: readonly string[], context: CommandContext): Promise<number> {
  let code: number = EXIT_CODES.ok;
  const program = commands(context, (result) => {
    code = result;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
  }
}

function commands(context: CommandContext, done: (code: number) => void): Command {
  const { output, errorOutput, version } = context;
  const program = new Command('tickgraph')
    .description('A gateway for live market data: brokers in, GraphQL subscriptions and raw JSON out.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .configureOutput({ writeOut: (text) => void output.write(text), writeErr: (text) => void errorOutput.write(text) })
    .exitOverride()
    .showHelpAfterError('(see tickgraph --help)')
    .addHelpText('after', '\nExit codes: 0 success, 1 failure, 2 bad usage or configuration.');
  program
    .command('serve')
    .description('serve clients until SIGTERM or SIGINT')
    .option('-c, --config <file>', 'the YAML file (default: TICKGRAPH_CONFIG, or else ./config.yaml if it exists)')
    .action(async ({ config }: { config?: string }) => {
      done(await serve(config ?? null, context));
    });
  program
    .command('check-config')
    .description('print the effective configuration with secrets masked, or everything that is wrong with it')
    .argument('[file]', 'the YAML file (default: TICKGRAPH_CONFIG, or else ./config.yaml if it exists)')
    .action((file: string | undefined) => {
      done(checkConfig(file ?? null, context));
    });
  program
    .command('health')
    .description('ask the gateway of this configuration whether it serves, and end with 0 if it does')
    .option('-c, --config <file>', 'the YAML file (default: TICKGRAPH_CONFIG, or else ./config.yaml if it exists)')
    .action(async ({ config }: { config?: string }) => {
      done(await health(config ?? null, context));
    });
  return program;
}
