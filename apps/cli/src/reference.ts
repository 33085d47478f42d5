/** All commands as Markdown, from the very definitions that parse them. */
import type { Argument, Command, Option } from 'commander';

/** A section for the program and for each of its commands; a command that holds others has theirs within its own. */
export function commandReference(program: Command): string {
  const commands = program.commands.map((command) => sections(command, program.name(), 3));
  return [section(program, '', 3), ...commands].join('\n');
}

function sections(command: Command, parent: string, level: number): string {
  const name = `${parent} ${command.name()}`;
  const inner = command.commands.map((each) => sections(each, name, level + 1));
  return [section(command, parent, level), ...inner].join('\n');
}

function section(command: Command, parent: string, level: number): string {
  const usage = [parent, command.name(), ...command.registeredArguments.map(argument)].join(' ').trim();
  const options = command.options.filter(({ hidden }) => !hidden).map(option);
  const lines = [`${'#'.repeat(level)} \`${usage}\``, '', sentence(command.description()), ''];
  return [...lines, ...options, ...(options.length > 0 ? [''] : [])].join('\n');
}

function argument(each: Argument): string {
  const text = `${each.name()}${each.variadic ? '...' : ''}`;
  return each.required ? `<${text}>` : `[${text}]`;
}

function option({ flags, description, argChoices, defaultValue, mandatory }: Option): string {
  const choices = argChoices ? ` (${argChoices.join(', ')})` : '';
  const told = typeof defaultValue === 'string' ? `; \`${defaultValue}\` unless told` : '';
  const must = mandatory ? ' (required)' : '';
  return `- \`${flags}\`${must}${description ? `: ${escaped(description)}` : ''}${choices}${told}`;
}

function sentence(text: string): string {
  return `${escaped(text.charAt(0).toUpperCase() + text.slice(1))}${/[.!?]$/.test(text) ? '' : '.'}`;
}

/** What Markdown would take for a tag or for emphasis. */
function escaped(text: string): string {
  return text
    .split('`')
    .map((part, index) => (index % 2 === 1 ? part : part.replaceAll(/[<*]/g, '\\$&')))
    .join('`');
}
