/** Errors of a definition with the line that they are about, as compilers show them. */
import type { FieldError } from '@hybrid/contracts';
import pc from 'picocolors';
import type { Output } from '../output.js';
import { reportFieldErrors } from '../report.js';
import { terminalText } from './terminal-text.js';

/** Characters of a line that are shown: a line can have megabytes. */
const WIDEST = 120;

export interface DefinitionText {
  /** As the user calls it. */
  file: string;
  text: string;
  /** Texts of the files that it names, by their paths. */
  files?: Record<string, string>;
}

export function reportDefinitionErrors(
  out: Pick<Output, 'note'>,
  { file, text, files = {} }: DefinitionText,
  errors: FieldError[],
): void {
  const lines = new Map<string | undefined, string[]>();
  for (const error of errors) {
    reportFieldErrors(out, error.file ?? file, [error]);
    if (!lines.has(error.file)) lines.set(error.file, linesOf(error.file ? files[error.file] : text));
    const line = error.line === undefined ? undefined : lines.get(error.file)?.[error.line - 1];
    if (line !== undefined) for (const each of picture(line, error.line!, error.column ?? 1)) out.note(each);
  }
}

function linesOf(text: string | undefined): string[] {
  return text?.split(/\r\n|\n|\r/) ?? [];
}

/** The line, and a caret under the column. Of a long line the part around it. */
function picture(line: string, number: number, column: number): string[] {
  const from = column > WIDEST - 20 ? column - Math.floor(WIDEST / 2) : 0;
  const part = line.slice(from, from + WIDEST);
  const before = part.slice(0, Math.max(0, column - 1 - from));
  const gutter = `${number}`.padStart(4);
  // A tab stays a tab under a tab, whatever its width.
  const indent = [...before].map((character) => (character === '\t' ? '\t' : ' ')).join('');
  const shown = part
    .split('\t')
    .map((text) => terminalText(text, false))
    .join('\t');
  return [
    `${pc.dim(`${gutter} │`)} ${from > 0 ? '…' : ''}${shown}${from + WIDEST < line.length ? '…' : ''}`,
    `${pc.dim('     │')} ${from > 0 ? ' ' : ''}${indent}${pc.red('^')}`,
  ];
}
