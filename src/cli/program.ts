import { Command, CommanderError, Option } from 'commander';
import { depthOption, durationOf, intervalOption, portOption, speedOf, typesOption, urlOption } from './arguments.ts';
import { checkConfig } from './checkConfig.ts';
import { health } from './health.ts';
import { EXIT_CODES } from './process.ts';
import { record } from './record.ts';
import type { RecordCommand } from './record.ts';
import { RECORDING_FORMATS } from './record/Recorder.ts';
import { replay } from './replay.ts';
import type { ReplayCommand } from './replay.ts';
import { serve } from './serve.ts';
import { watch } from './watch.ts';
import type { WatchCommand } from './watch/Sight.ts';
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
  addWatch(program, context, done);
  addRecord(program, context, done);
  addReplay(program, context, done);
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

const LOGIN = `
TICKGRAPH_TOKEN in the environment is the login of the gateway; TICKGRAPH_BROKER_TOKEN, TICKGRAPH_BROKER_ACCOUNT_ID,
TICKGRAPH_BROKER_API_KEY and TICKGRAPH_BROKER_API_SECRET are your own credentials with the broker.`;
/** As deep as any client can ask for. */
const RECORDED_DEPTH = 1_000;

type Done = (code: number) => void;

function addWatch(program: Command, context: CommandContext, done: Done): void {
  program
    .command('watch')
    .description('show live data of a running gateway: a table in a terminal, otherwise a line for each event')
    .argument('<broker>', "the broker's id")
    .argument('<symbols...>', "the venue's own names of the instruments")
    .addOption(typesOption('tick, trade and candle, and with --depth orderbook'))
    .addOption(intervalOption())
    .addOption(depthOption('the levels of the order book that are shown'))
    .addOption(urlOption())
    .option('--json', 'one JSON object a line, as the raw protocol has it', false)
    .addHelpText('after', LOGIN)
    .action(async (broker: string, symbols: string[], options: WatchOptions) => {
      const { types = null, depth = null, json: isJson, ...rest } = options;
      done(await watch({ ...rest, broker, symbols: [...new Set(symbols)], types, depth, isJson }, context));
    });
}

interface WatchOptions extends Pick<WatchCommand, 'interval' | 'url'> {
  readonly types?: NonNullable<WatchCommand['types']>;
  readonly depth?: number;
  readonly json: boolean;
}

function addRecord(program: Command, context: CommandContext, done: Done): void {
  program
    .command('record')
    .description('record live data to a file: of a running gateway, or of the venue itself')
    .argument('<broker>', "the broker's id")
    .argument('<symbols...>', "the venue's own names of the instruments")
    .requiredOption('-o, --out <file>', 'the file, such as monday.jsonl.gz')
    .addOption(typesOption('all that the broker has'))
    .addOption(intervalOption())
    .addOption(depthOption('the levels of an order book that are recorded').default(RECORDED_DEPTH))
    .option('--for <duration>', 'end after this time: 90s, 10m, 8h (default: at Ctrl+C)', durationOf)
    .addOption(urlOption().conflicts('direct'))
    .option(
      '--direct',
      "connect to the venue itself, without a gateway, and keep the venue's own frames as well",
      false,
    )
    .option('-c, --config <file>', 'with --direct: the YAML file that has the broker')
    .addOption(
      new Option('--format <format>', 'jsonl can be replayed; csv and parquet are tables for analysis')
        .choices(RECORDING_FORMATS)
        .default('jsonl'),
    )
    .option('--force', 'replace a file that exists', false)
    .addHelpText('after', LOGIN)
    .action(async (broker: string, symbols: string[], options: RecordOptions) => {
      const { types = null, for: forMs = null, out: path, force: replaces, direct, config = null, ...rest } = options;
      const url = direct ? null : rest.url;
      const command = { ...rest, url, config, broker, symbols: [...new Set(symbols)], types, path, forMs, replaces };
      done(await record(command, context));
    });
}

interface RecordOptions extends Pick<RecordCommand, 'interval' | 'depth' | 'format'> {
  readonly url: string;
  readonly direct: boolean;
  readonly config?: string;
  readonly types?: NonNullable<RecordCommand['types']>;
  readonly for?: number;
  readonly out: string;
  readonly force: boolean;
}

function addReplay(program: Command, context: CommandContext, done: Done): void {
  program
    .command('replay')
    .description('serve a recording as a broker, as if it were live; it begins with the first subscription')
    .argument('<file>', 'a recording of tickgraph record')
    .option(
      '-s, --speed <speed>',
      'how many times as fast as it was recorded; max: as fast as clients take it',
      speedOf,
      1,
    )
    .addOption(portOption())
    .option('--loop', 'begin anew at the end', false)
    .option('-c, --config <file>', 'the YAML file of the gateway; its brokers are left out')
    .action(async (path: string, options: ReplayOptions) => {
      const { loop: loops, port = null, config = null, speed } = options;
      done(await replay({ path, speed, port, loops, config }, context));
    });
}

interface ReplayOptions extends Pick<ReplayCommand, 'speed'> {
  readonly port?: number;
  readonly loop: boolean;
  readonly config?: string;
}
