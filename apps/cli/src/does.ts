/** How the commands of the program are bound to what they do. */
import { InvalidArgumentError, type Command } from 'commander';
import { contextOf, type CommandContext } from './context.js';
import { terminalOutput, type Output } from './output.js';

export function paged(command: Command): Command {
  return command
    .option('--limit <n>', 'at most 200; 50 unless told')
    .option('--cursor <cursor>', 'the next page');
}

export function whole(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It is no whole number.');
  return Number(text);
}

/** Commander hands over the arguments, the options and the command: `take` says how many of them the action wants. */
export function does(action: (context: CommandContext, ...args: never[]) => Promise<void>, take = Infinity) {
  return async (...args: unknown[]): Promise<void> => {
    const command = args.pop() as Command;
    await action(contextOf(command), ...(args.slice(0, take) as never[]));
  };
}

/**
 * For commands that need no control plane. They are loaded when they are called: what they need (the language, the
 * sandboxes) must not slow the start of all others.
 */
export function doesHere(
  load: () => Promise<(out: Output, ...args: never[]) => Promise<void>>,
  take = Infinity,
) {
  return async (...args: unknown[]): Promise<void> => {
    const command = args.pop() as Command;
    const action = await load();
    await action(outputOf(command), ...(args.slice(0, take) as never[]));
  };
}

export function outputOf(command: Command): Output {
  return terminalOutput(command.optsWithGlobals<{ output: Output['format'] }>().output);
}
