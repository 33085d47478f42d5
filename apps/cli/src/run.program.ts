/** Names and options of `hybrid run` and `hybrid gate`. */
import type { Command } from 'commander';
import { contextOf } from './context.js';
import { does, paged } from './does.js';
import { approveGate, listGates, rejectGate } from './gate.command.js';
import { retryRun, type RetryOptions } from './retry.command.js';
import { runLogs } from './run-logs.command.js';
import { approveRun, cancelRun, listRuns, viewRun } from './run-queries.command.js';
import { collectInput, startRun, type StartRunOptions } from './start-run.command.js';
import { watchToTheEnd } from './watch.command.js';

export function runCommands(program: Command): void {
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
    .option('--timestamps', 'when each line was written')
    .option('--search <text>', 'only lines that hold it, in whatever case')
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
  run
    .command('view <id>')
    .description('one run: its steps, gates that wait, tests that failed, findings, annotations')
    .action(does(viewRun));
  run
    .command('approve <id>')
    .description('let a run begin whose commits come from a fork')
    .action(does(approveRun, 1));
  run.command('cancel <id>').description('stop a run; steps that clean up still run').action(does(cancelRun));
  run
    .command('retry <id>')
    .description('run it again as a new run, as a whole unless told')
    .option('--failed', 'only what did not succeed')
    .option('--step <name>', 'only this step, and what needs it')
    .action((id: string, options: RetryOptions, command: Command) =>
      // `--no-watch` is an option of `run`, which takes it for its subcommands, too.
      retryRun(contextOf(command), id, {
        ...options,
        watch: command.optsWithGlobals<{ watch: boolean }>().watch,
      }),
    );
}

export function gateCommands(program: Command): void {
  const gate = program.command('gate').description('gates that wait for people');
  gate.command('list <run>').description('those of a run').action(does(listGates, 1));
  gate
    .command('approve <run> <gate>')
    .description('let it pass, by the name of its step')
    .option('--reason <text>', 'kept with the decision')
    .option('--key <file>', 'sign it, for agents that demand that: private key of `hybrid key-pair create`')
    .option('--repo <path>', 'with --key: the repository whose .hybrid/pipeline.yaml you approve', '.')
    .option('--file <file>', 'with --key: another definition')
    .action(does(approveGate, 3));
  gate
    .command('reject <run> <gate>')
    .description('keep it shut: its step fails')
    .option('--reason <text>', 'kept with the decision')
    .action(does(rejectGate, 3));
}
