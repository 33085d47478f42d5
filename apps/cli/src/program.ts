/** The command line: names, options and help. What a command does is in the `*.command.ts` files. */
import { Command, Option } from 'commander';
import { listConsumers, replayConsumer } from './consumer.command.js';
import { contextOf, type CommandContext } from './context.js';
import { EXIT_CODES_HELP } from './exit-codes.js';
import { listAgents, listJobs, listPipelines, validatePipeline, viewJob } from './resources.command.js';
import { listProjections, rebuildProjection, replayProjection } from './projection.command.js';
import { cancelRun, listRuns, runLogs, viewRun } from './run-queries.command.js';
import { collectInput, startRun, type StartRunOptions } from './start-run.command.js';
import { storeCommands } from './store.command.js';
import { watchToTheEnd } from './watch.command.js';

declare const HYBRID_VERSION: string | undefined;

export function buildProgram(): Command {
  const program = new Command('hybrid')
    .description('Runs pipelines on a hybrid control plane and shows what happens.')
    .version(typeof HYBRID_VERSION === 'string' ? HYBRID_VERSION : '0.0.0')
    .option('--url <url>', 'the control plane (HYBRID_URL; http://127.0.0.1:8080)')
    .option('--token-file <file>', 'file with the token (HYBRID_TOKEN, HYBRID_TOKEN_FILE; .data/admin-token)')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .addHelpText('after', EXIT_CODES_HELP)
    .exitOverride()
    .showHelpAfterError('(--help shows what there is)');
  runCommands(program);
  pipelineCommands(program);
  const agent = program.command('agent').description('the machines that run steps');
  paged(agent.command('list').description('all agents')).action(does(listAgents));
  const job = program.command('job').description('the queue');
  paged(job.command('list').description('jobs, newest first'))
    .option('--status <status>', 'such as RUNNING')
    .option('--pool <pool>')
    .option('--run-id <id>', 'of one run')
    .action(does(listJobs));
  job.command('view <id>').description('one job').action(does(viewJob));
  storeCommands(program);
  projectionCommands(program);
  consumerCommands(program);
  return program;
}

function runCommands(program: Command): void {
  const run = program
    .command('run')
    .description("run a repository's pipeline, or look at runs")
    .option('--repo <path or url>', 'git repository', '.')
    .option('--ref <ref>', 'branch, tag or commit; what is checked out unless told')
    .option('--file <file>', 'a definition instead of the .hybrid/pipeline.yaml of the commit')
    .option('--default-file <file>', 'a definition for a repository that has none')
    .option('--pipeline <id>', 'run this stored pipeline, and send no definition')
    .option('--input <name=value>', 'an input of the pipeline; may be repeated', collectInput, {})
    .option('--watch', 'show it live until its end (this is what happens unless told)', true)
    .option('--no-watch', 'only start it')
    .action((options: StartRunOptions, command: Command) => startRun(contextOf(command), options));
  run.command('watch <id>').description('show a run live until its end').action(does(watchToTheEnd, 1));
  run
    .command('logs <id>')
    .description('what the steps wrote')
    .option('--step <name>', 'only this step')
    .option('-f, --follow', 'go on until the run is over')
    .action(does(runLogs));
  paged(run.command('list').description('runs, newest first'))
    .option('--status <status>', 'such as FAILED')
    .action((options: { limit?: string; cursor?: string; status?: string }, command: Command) =>
      // `run` has an option of the same name, which commander would hide from its subcommand.
      listRuns(contextOf(command), {
        ...options,
        pipeline: command.optsWithGlobals<{ pipeline?: string }>().pipeline,
      }),
    );
  run.command('view <id>').description('one run and its steps').action(does(viewRun));
  run.command('cancel <id>').description('stop a run').action(does(cancelRun));
}

function pipelineCommands(program: Command): void {
  const pipeline = program.command('pipeline').description('definitions');
  pipeline
    .command('validate [file]')
    .description('check a definition (.hybrid/pipeline.yaml unless told)')
    .action(does(validatePipeline, 1));
  paged(pipeline.command('list').description('stored pipelines')).action(does(listPipelines));
}

function projectionCommands(program: Command): void {
  const projection = program.command('projection').description('read models: what lists are answered from');
  projection.command('list').description('how each one fares').action(does(listProjections));
  projection
    .command('rebuild <service.name>')
    .description('build one anew beside the live one, and wait for its end')
    .action(does(rebuildProjection, 1));
  projection
    .command('replay <service.name>')
    .description('apply its parked events again, after what failed was mended')
    .action(does(replayProjection, 1));
}

function consumerCommands(program: Command): void {
  const consumer = program.command('consumer').description('who acts on events, and what they gave up');
  consumer.command('list').description('how far each one is').action(does(listConsumers));
  consumer
    .command('replay <consumer>')
    .description('hand it its parked events again, after what failed was mended')
    .action(does(replayConsumer, 1));
}

function paged(command: Command): Command {
  return command
    .option('--limit <n>', 'at most 200; 50 unless told')
    .option('--cursor <cursor>', 'the next page');
}

/** Commander hands over the arguments, the options and the command: `take` says how many of them the action wants. */
function does(action: (context: CommandContext, ...args: never[]) => Promise<void>, take = Infinity) {
  return async (...args: unknown[]): Promise<void> => {
    const command = args.pop() as Command;
    await action(contextOf(command), ...(args.slice(0, take) as never[]));
  };
}
