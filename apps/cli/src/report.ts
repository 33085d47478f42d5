import type { FieldError } from '@hybrid/contracts';
import { CommandError, RefusedError } from './errors.js';
import type { Output } from './output.js';
import { terminalText } from './text/terminal-text.js';

/** One line each, as compilers write them, so that editors find the place. */
export function reportFieldErrors(out: Pick<Output, 'note'>, file: string, errors: FieldError[]): void {
  for (const { path, message, line, column } of errors) {
    const place = line === undefined ? '' : `:${line}:${column ?? 1}`;
    const field = line === undefined && path ? `${path}: ` : '';
    out.note(terminalText(`${file}${place}: ${field}${message}`, false));
  }
}

/** Says on stderr why a command failed, never with a stack, and answers its exit code. */
export function reportFailure(error: unknown): number {
  const say = (text: string) => void process.stderr.write(`${text}\n`);
  if (!(error instanceof CommandError)) {
    say(`error: ${(error as Error).message ?? String(error)}`);
    return 1;
  }
  const interrupted = error.exitCode === 130;
  say(interrupted ? error.message : `error: ${error.message}`);
  if (error instanceof RefusedError) {
    for (const { path, message } of error.errors) say(`  ${path ? `${path}: ` : ''}${message}`);
  }
  return error.exitCode;
}
