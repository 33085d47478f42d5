/** Names and options of `hybrid pipeline` and `hybrid init`. */
import { type Command, Option } from 'commander';
import { contextOf } from './context.js';
import { does, doesHere, outputOf, paged } from './does.js';
import type { GraphFormat } from './graph.command.js';
import { listPipelines, pipelineTests, validateAtServer } from './pipeline.command.js';

interface GraphOptions {
  run?: string;
  format: GraphFormat;
}

export function pipelineCommands(program: Command): void {
  const pipeline = program.command('pipeline').description('definitions');
  pipeline
    .command('validate [files...]')
    .description('check definitions (.hybrid/pipeline.yaml unless told); ends with 1 where there are errors')
    .option('--server', 'ask the control plane, which may know another version of the language')
    .action(async (files: string[], options: { server?: boolean }, command: Command) => {
      if (options.server) return validateAtServer(contextOf(command), files);
      await doesHere(async () => (await import('./validate.command.js')).validateFiles, 1)(files, command);
    });
  pipeline
    .command('graph [file]')
    .description('a picture of a definition (.hybrid/pipeline.yaml unless told), or of a run')
    .option('--run <id>', 'of this run, with how its steps fare')
    .addOption(
      new Option('--format <format>', 'how it is drawn').choices(['text', 'mermaid', 'dot']).default('text'),
    )
    .action(async (file: string | undefined, options: GraphOptions, command: Command) => {
      const { graphOfFile, graphOfRun } = await import('./graph.command.js');
      if (options.run !== undefined) return graphOfRun(contextOf(command), options.run, options.format);
      await graphOfFile(outputOf(command), file, options.format);
    });
  paged(pipeline.command('list').description('stored pipelines')).action(does(listPipelines));
  paged(
    pipeline
      .command('tests <pipeline>')
      .description('tests that failed or were flaky lately, the most flaky first'),
  ).action(does(pipelineTests, 2));
  program
    .command('init')
    .description("write a first .hybrid/pipeline.yaml, fit for the repository's language")
    .option('--repo <path>', 'the repository', '.')
    .action(doesHere(async () => (await import('./init.command.js')).init, 1));
}
