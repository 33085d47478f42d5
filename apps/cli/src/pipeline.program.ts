/** Names and options of `hybrid pipeline`, `hybrid key-pair` and `hybrid init`. */
import { type Command, Option } from 'commander';
import { contextOf } from './context.js';
import { does, doesHere, outputOf, paged } from './does.js';
import type { GraphFormat } from './graph.command.js';
import { listPipelines, pipelineTests, validateAtServer } from './pipeline.command.js';

interface GraphOptions {
  run?: string;
  format: GraphFormat;
}

export function keyPairCommands(program: Command): void {
  program
    .command('key-pair')
    .description('keys of your own, by which agents tell what you signed')
    .command('create <file>')
    .description('a new private key into this file; the public one is shown')
    .option('--kid <name>', 'its name; its thumbprint unless told')
    .addOption(
      new Option('--use <what...>', 'all that it may sign; everything unless told').choices([
        'pipeline',
        'approval',
        'rollback',
      ]),
    )
    .option('--trust-keys <file>', 'a JWKS that the public key is put into')
    .action(doesHere(async () => (await import('./sign.command.js')).createKeyPair, 2));
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
  pipeline
    .command('sign [file]')
    .description('sign a definition (.hybrid/pipeline.yaml unless told), into a file beside it')
    .requiredOption('--key <file>', 'private key of `hybrid key-pair create`')
    .option('--repo <path>', 'the repository that the files are in', '.')
    .option('--repository <url>', 'what its runs clone; the remote, or the path, unless told')
    .action(doesHere(async () => (await import('./sign.command.js')).signPipeline, 2));
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
