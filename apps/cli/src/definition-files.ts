/** Files of the repository that a definition names with `uses: ./path`: the control plane never opens the repository. */

/** Text of a file by its path from the repository's root; `undefined` where there is none. */
export type ReadFile = (path: string) => Promise<string | undefined>;

/** More files than anybody uses; the language says what is wrong with those that are left out. */
const MOST = 50;

/** By their paths. Those that are missing are left out: the check of the definition names them with their place. */
export async function filesNamedIn(text: string, read: ReadFile): Promise<Record<string, string>> {
  // Most definitions name none: the language is not loaded for them.
  if (!text.includes('uses')) return {};
  const { namedFiles } = await import('@hybrid/pipeline');
  const files: Record<string, string> = {};
  const asked = new Set<string>();
  const open = namedFiles(text);
  for (let path = open.shift(); path !== undefined && asked.size < MOST; path = open.shift()) {
    if (asked.has(path)) continue;
    asked.add(path);
    const found = await read(path);
    if (found === undefined) continue;
    files[path] = found;
    open.push(...namedFiles(found));
  }
  return files;
}
