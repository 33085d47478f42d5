/** `::group::name` and `::endgroup::` in a log, as a heading and indented lines. */
import pc from 'picocolors';

const BEGIN = /^::group::(.*)$/;
const END = /^::endgroup::/;
const INDENT = '  ';

/** Tells how each line of one step is shown; nothing for a line that only ends a group. A group that never ends is harmless. */
export function logGroups(): (text: string) => string | undefined {
  let inside = false;
  return (text) => {
    const name = BEGIN.exec(text)?.[1];
    if (name !== undefined) {
      inside = true;
      return pc.bold(`▾ ${name.trim()}`);
    }
    if (END.test(text)) {
      inside = false;
      return undefined;
    }
    return inside ? INDENT + text : text;
  };
}
