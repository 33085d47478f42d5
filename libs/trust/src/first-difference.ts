/** Where two JSON values differ first: `spec.step.config.commands[0]`; null where they are the same. */
export function firstDifference(expected: unknown, given: unknown, path = ''): string | null {
  if (Array.isArray(expected) && Array.isArray(given)) {
    if (expected.length !== given.length) return path;
    return first(expected.map((one, index) => () => firstDifference(one, given[index], `${path}[${index}]`)));
  }
  if (isRecord(expected) && isRecord(given)) {
    const names = [...new Set([...Object.keys(expected), ...Object.keys(given)])];
    const below = (name: string): string => (path === '' ? name : `${path}.${name}`).slice(0, 200);
    return first(
      names.map((name) => () => firstDifference(ownOf(expected, name), ownOf(given, name), below(name))),
    );
  }
  return Object.is(expected, given) ? null : path;
}

function first(looks: (() => string | null)[]): string | null {
  for (const look of looks) {
    const found = look();
    if (found !== null) return found;
  }
  return null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A field that is undefined is none: JSON has no such value. */
function ownOf(record: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
