/** The settings file: YAML whose keys are the flags. Values are kept as texts, which are read like those of flags. */
import { readFileSync } from 'node:fs';
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Node } from 'yaml';
import { SETTINGS, split, type Setting } from './settings-table.js';
import { SettingsError } from './settings-error.js';

/** Values by flag, each with `<file>:<line>: <key>`. Throws SettingsError naming file and line. */
export function readSettingsFile(path: string): Map<string, { texts: string[]; where: string }> {
  const lines = new LineCounter();
  const document = parseDocument(read(path), { lineCounter: lines });
  const place = (at: number): string => `${path}:${lines.linePos(at).line}`;
  const [broken] = document.errors;
  if (broken)
    throw new SettingsError(`${place(broken.pos[0])}: this is not YAML: ${broken.message.split('\n')[0]}`);
  const found = new Map<string, { texts: string[]; where: string }>();
  if (document.contents === null) return found;
  if (!isMap<Node, Node | null>(document.contents))
    throw new SettingsError(`${path}: it must hold lines like "capacity: 2"`);
  for (const { key, value } of document.contents.items) {
    const name = String(key);
    const where = `${place(key.range?.[0] ?? 0)}: ${name}`;
    const setting = Object.values<Setting>(SETTINGS).find(
      ({ flag, alias }) => flag === name || alias === name,
    );
    if (!setting || setting === SETTINGS.config)
      throw new SettingsError(`${where}: there is no such setting; --help lists them all`);
    if (found.has(setting.flag)) throw new SettingsError(`${where}: this setting is given twice`);
    const texts = textsOf(value, setting);
    if (!texts)
      throw new SettingsError(
        `${where}: it must be ${setting.map ? 'a map' : setting.list ? 'a list, a map or one value' : 'one value'}`,
      );
    found.set(setting.flag, { texts, where });
  }
  return found;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new SettingsError(
      `the settings file ${path} cannot be read (${(cause as Error).message}): correct --config`,
      { cause },
    );
  }
}

function textsOf(node: Node | null, setting: Setting): string[] | undefined {
  if (setting.map && isMap<Node, Node | null>(node)) return [JSON.stringify(node)];
  const one = textOf(node);
  if (one !== undefined) return split(setting, one);
  if (!setting.list) return undefined;
  if (isSeq<Node>(node)) return all(node.items.map(textOf));
  if (!isMap<Node, Node | null>(node)) return undefined;
  return all(
    node.items.map(({ key, value }) => {
      const text = textOf(value);
      return text === undefined ? undefined : `${String(key)}=${text}`;
    }),
  );
}

/** A scalar as it is written, so that `1.10` stays what it is. */
function textOf(node: Node | null): string | undefined {
  return isScalar(node) && node.value !== null ? node.source : undefined;
}

function all(texts: (string | undefined)[]): string[] | undefined {
  return texts.every((one) => one !== undefined) ? texts : undefined;
}
