/** Artifacts' files, encrypted before they leave this machine, and opened again; never whole in memory. */
import { SealedError, sealArtifact, SEALED_TYPE, type ArtifactHead } from '@hybrid/sealed';
import { StepProblem } from '@hybrid/steps';
import { createReadStream, createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ArtifactSealing } from './sealing.js';

export async function sealFile(
  head: ArtifactHead,
  from: string,
  to: string,
  recipients: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const sealed = await sealArtifact(head, createReadStream(from) as AsyncIterable<Buffer>, recipients);
  await pipeline(nodeStream(sealed), createWriteStream(to, { mode: 0o600 }), { signal });
}

/** Answers the media type of what it held. Throws StepProblem where this agent cannot open it. */
export async function openFile(
  artifact: Pick<ArtifactHead, 'execution' | 'key'>,
  from: string,
  to: string,
  { reader }: ArtifactSealing,
  signal: AbortSignal,
): Promise<string> {
  const { key } = artifact;
  if (!reader)
    throw new StepProblem(
      `the artifact ${key} is encrypted (${SEALED_TYPE}), and this agent has no key: start it with --unseal-key-file`,
    );
  try {
    const sealed = Readable.toWeb(createReadStream(from)) as unknown as ReadableStream<Uint8Array>;
    const { type, bytes } = await reader.openArtifact(sealed, artifact);
    await pipeline(nodeStream(bytes), createWriteStream(to, { mode: 0o600 }), { signal });
    return type;
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof StepProblem) throw cause;
    const why = cause instanceof SealedError ? cause.message : 'its bytes are not those that were sealed';
    throw new StepProblem(`the artifact ${key} cannot be opened: ${why}; look at --unseal-key-file`, {
      cause,
    });
  }
}

function nodeStream(stream: ReadableStream<Uint8Array>): Readable {
  return Readable.fromWeb(stream);
}
