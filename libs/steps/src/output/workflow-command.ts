/**
 * Workflow commands: lines of the output with which a step says more than text, in GitHub's form
 * `::name key=value,key=value::text`. They stand in the log as any other line does.
 */

/** Characters of a line that are looked at; longer ones are text. */
export const COMMAND_MAX = 16_384;

export interface WorkflowCommand {
  /** In lower case: error, warning, notice, group, endgroup, add-mask. Others are text to whoever does not know them. */
  name: string;
  /** Unescaped. A key without a value has the empty text; the first of two alike counts. */
  properties: ReadonlyMap<string, string>;
  /** Unescaped; may hold line breaks. */
  text: string;
}

/** What is done at a command, by its name. It is given the masked line: what it keeps may leave this machine. */
export type CommandHandlers = Readonly<Record<string, (command: WorkflowCommand) => void>>;

const NAME = /^[a-z][a-z-]{0,30}$/;
const ESCAPED: Record<string, string> = { '%25': '%', '%0D': '\r', '%0A': '\n', '%3A': ':', '%2C': ',' };

/** Nothing where the line is no command. Takes time in proportion to the line, whatever stands in it. */
export function parseWorkflowCommand(line: string): WorkflowCommand | undefined {
  if (line.length > COMMAND_MAX) return undefined;
  const command = line.trimStart();
  if (!command.startsWith('::')) return undefined;
  const end = command.indexOf('::', 2);
  if (end < 0) return undefined;
  const head = command.slice(2, end);
  const space = head.indexOf(' ');
  const name = (space < 0 ? head : head.slice(0, space)).toLowerCase();
  if (!NAME.test(name)) return undefined;
  return {
    name,
    properties: space < 0 ? new Map() : propertiesOf(head.slice(space + 1)),
    text: unescape(command.slice(end + 2), /%(?:25|0D|0A)/gi),
  };
}

/** Calls the handler of the command that the line is, if there is one. */
export function handleCommand(line: string, handlers: CommandHandlers): void {
  const command = parseWorkflowCommand(line);
  if (command && Object.hasOwn(handlers, command.name)) handlers[command.name]?.(command);
}

function propertiesOf(text: string): Map<string, string> {
  const properties = new Map<string, string>();
  for (const property of text.split(',')) {
    const equals = property.indexOf('=');
    const key = (equals < 0 ? property : property.slice(0, equals)).trim();
    if (key === '' || properties.has(key)) continue;
    const value = equals < 0 ? '' : property.slice(equals + 1);
    properties.set(key, unescape(value, /%(?:25|0D|0A|3A|2C)/gi));
  }
  return properties;
}

/** In one pass, so that an escaped per cent sign does not escape what follows it. */
function unescape(text: string, sequences: RegExp): string {
  return text.replace(sequences, (found) => ESCAPED[found.toUpperCase()] ?? found);
}
