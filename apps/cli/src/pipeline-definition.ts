/** Where the definition of a run comes from. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Snapshot } from './git-repository.js';
import { CommandError, UsageError } from './errors.js';
import { EXIT } from './exit-codes.js';

export const PIPELINE_FILE = '.hybrid/pipeline.yaml';
/** Beside a definition: its signature by the customer's key. */
export const SIGNATURE_SUFFIX = '.sig';

export interface Definition {
  text: string;
  /** For messages: the file that a person would open. */
  file: string;
}

/** Of the commit, or `defaultFile` where the commit has none. */
export async function readDefinition(
  snapshot: Snapshot,
  defaultFile: string | undefined,
): Promise<Definition> {
  if (snapshot.file !== undefined) return { text: snapshot.file, file: PIPELINE_FILE };
  if (defaultFile !== undefined) return readDefinitionFile(defaultFile, '--default-file');
  const mend = existsSync(join(snapshot.repository, PIPELINE_FILE))
    ? 'it is there, but not committed: commit it'
    : 'write one (`hybrid init`) and commit it';
  throw new CommandError(
    `${snapshot.repository} has no ${PIPELINE_FILE} at ${snapshot.commit.slice(0, 10)}: ${mend}, or name a file with --file`,
    EXIT.failed,
  );
}

export async function readDefinitionFile(file: string, option: string): Promise<Definition> {
  try {
    return { text: await readFile(file, 'utf8'), file };
  } catch (cause) {
    throw new UsageError(`${file} (${option}) cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/**
 * The pipeline's name, which is part of the address that the definition is sent to; `undefined` when no line at the
 * left margin gives one. The server parses the YAML and checks that both names agree.
 */
export function pipelineName(definition: string): string | undefined {
  const match = /^name[ \t]*:[ \t]*(?:"([^"\n]*)"|'([^'\n]*)'|([^\s#"'][^#\n]*))/m.exec(definition);
  return (match?.[1] ?? match?.[2] ?? match?.[3])?.trim() || undefined;
}
