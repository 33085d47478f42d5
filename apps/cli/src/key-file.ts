/** The key with which its customer reads what agents have encrypted. */
import type { SealedReader } from '@hybrid/sealed';
import { readFile } from 'node:fs/promises';
import { UsageError } from './errors.js';

/** Loaded and read when the first thing is to be opened. Throws UsageError. */
export function keyOpener(file: string | undefined): () => Promise<SealedReader | undefined> {
  let reading: Promise<SealedReader> | undefined;
  return async () => (file === undefined ? undefined : (reading ??= readKey(file)));
}

async function readKey(file: string): Promise<SealedReader> {
  const { readIdentities, SealedError, SealedReader } = await import('@hybrid/sealed');
  try {
    return new SealedReader(readIdentities(await readFile(file, 'utf8')));
  } catch (cause) {
    const why = cause instanceof SealedError ? cause.message : (cause as NodeJS.ErrnoException).code;
    throw new UsageError(
      `the key file ${file} cannot be used: ${why}; it is made by hybrid seal-key create`,
      {
        cause,
      },
    );
  }
}
