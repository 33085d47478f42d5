/** Lines as readers want them: which, with or without colours, and what of them is a group's beginning or end. */
import type { SealedLines, ShowLog, ShownLine } from '@hybrid/contracts';
import type { JobLogLine, PlacedLine } from './job-log.js';

/** Characters of a group's name. */
const NAME_MAX = 200;
// eslint-disable-next-line no-control-regex
const COLOURS = /\x1b\[[0-9;:]*m/g;
/** Buildkite's: `---` closed, `+++` open, `~~~` quiet. */
const SECTION = /^(?:---|\+\+\+|~~~) +(\S.*)$/;

export function withoutColours(text: string): string {
  return text.includes('\x1b') ? text.replace(COLOURS, '') : text;
}

/** Says of a line whether it is wanted; `search` is found whatever its case and colours. */
export function lineFilter({ stream }: ShowLog, search = ''): (line: JobLogLine) => boolean {
  const wanted = search.toLowerCase();
  return (line) =>
    // Of sealed lines nobody here knows the streams, nor what they hold.
    (stream === undefined || line.stream === stream || line.sealed !== undefined) &&
    (wanted === '' || (!line.sealed && withoutColours(line.text).toLowerCase().includes(wanted)));
}

export function shownLine(line: JobLogLine, plain: boolean): ShownLine {
  const shown = plain ? { ...line, text: withoutColours(line.text) } : line;
  const group = groupOf(line);
  return group ? { ...shown, ...group } : shown;
}

/** What stands in a text for lines that only the customer can read. */
export function whatIsSealed({ lines, for: keys }: SealedLines): string {
  const whose = `sealed for ${keys.join(', ')}`;
  return lines === 0
    ? `[the log ends here; ${whose}]`
    : `[${lines} line(s), ${whose}: hybrid run logs --key-file opens them]`;
}

/** What is asked for of a chunk. */
export function pick(lines: PlacedLine[], show: ShowLog, search?: string): PlacedLine[] {
  const wanted = lineFilter(show, search);
  return lines.filter(({ line }) => wanted(line));
}

function groupOf({ stream, text, sealed }: JobLogLine): Pick<ShownLine, 'group' | 'group_name'> | undefined {
  if (sealed) return undefined;
  const begins = (group: ShownLine['group'], name: string) => ({
    group,
    group_name: withoutColours(name).trim().slice(0, NAME_MAX),
  });
  if (stream === 'system') return text.startsWith('$ ') ? begins('command', text.slice(2)) : undefined;
  // eslint-disable-next-line no-control-regex
  if (!/^[\s\x1b:+~-]/.test(text)) return undefined;
  const seen = withoutColours(text).trimStart();
  if (seen.startsWith('::group::')) return begins('start', seen.slice('::group::'.length));
  if (seen.startsWith('::endgroup::')) return { group: 'end' };
  const [, name] = SECTION.exec(seen) ?? [];
  return name === undefined ? undefined : begins('section', name);
}
