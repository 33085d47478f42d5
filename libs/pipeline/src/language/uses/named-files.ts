/** Which files of the repository a definition names with `uses: ./path.yaml`. */
import { posix } from 'node:path';
import { readDocument } from '../document.js';
import { listOf, mapOf, textOf } from '../normalise/raw.js';

/**
 * Paths from the repository's root that a pipeline file, or a reusable template, names itself, without `./`. What those
 * files name in turn is found by asking again. None where the text cannot be read.
 */
export function namedFiles(text: string): string[] {
  const { document } = readDocument(text);
  const paths = listOf(mapOf(document?.value).steps).flatMap((step) => pathOfUse(mapOf(step).uses) ?? []);
  return [...new Set(paths)];
}

/** `./ci/node.yaml` as `ci/node.yaml`; undefined for what is no file of the repository. */
export function pathOfUse(uses: unknown): string | undefined {
  const text = textOf(uses);
  if (!text?.startsWith('./')) return undefined;
  const path = posix.normalize(text);
  return path === '.' || path.startsWith('..') ? undefined : path;
}
