/** Names and options of `hybrid exec`. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { doesHere, whole } from '../does.js';
import { collectInput } from '../start-run.command.js';

export function execCommand(program: Command): void {
  program
    .command('exec')
    .description("run the working tree's pipeline on this machine, without a control plane")
    .option('--repo <path>', 'the working tree', '.')
    .option('--file <file>', 'a definition instead of its .hybrid/pipeline.yaml')
    .option('--clean', 'what HEAD holds, without uncommitted changes')
    .option('--step <names...>', 'only these steps, and those that they need', [])
    .option('--input <name=value>', 'an input of the pipeline; may be repeated', collectInput, {})
    .option(
      '--env <name=value>',
      "given to every step; a name alone takes this shell's value",
      collectEnv,
      {},
    )
    .option('--secrets-file <file>', 'lines NAME=value; variables HYBRID_SECRET_<NAME> count, too')
    .addOption(
      new Option('--executor <name>', 'docker: a container for each step; process: on this machine')
        .choices(['auto', 'docker', 'process'])
        .default('auto'),
    )
    .option('--allow-host', 'steps may run on this machine, without a sandbox')
    .option('--allow-mounts <folders...>', 'folders of this machine that steps may mount')
    .option('--allow-docker-socket', "steps may have the engine's socket, and with it this machine")
    .option('--image <image>', 'of steps that name none', 'node:20-slim')
    .option('--max-parallel <n>', 'steps at a time; one for each core unless told', atLeastOne)
    .option('--yes', 'approve every gate')
    .option('--keep', 'leave the workspaces there, and say where')
    .action(doesHere(async () => (await import('./exec.command.js')).exec, 1));
}

function collectEnv(text: string, env: Record<string, string>): Record<string, string> {
  const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)(?:=([^]*))?$/.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError('It is not of the form NAME=value.');
  const found = value ?? process.env[name];
  if (found === undefined) throw new InvalidArgumentError(`This shell has no variable ${name}.`);
  return { ...env, [name]: found };
}

function atLeastOne(text: string): number {
  const number = whole(text);
  if (number < 1) throw new InvalidArgumentError('It must be 1 or more.');
  return number;
}
