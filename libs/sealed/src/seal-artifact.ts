/** Artifacts on their way out: one age file, whose first line says which artifact it is. Streamed. */
import { Encrypter } from 'age-encryption';
import { checkRecipients } from './keys.js';

/** Media type of every sealed artifact; what it was stands inside. */
export const SEALED_TYPE = 'application/vnd.hybrid.sealed';

export interface ArtifactHead {
  /** The run that it was made for. */
  execution: string;
  key: string;
  /** Media type. */
  type: string;
}

/** Throws SealedError `bad-key`. */
export async function sealArtifact(
  head: ArtifactHead,
  bytes: AsyncIterable<Uint8Array>,
  recipients: readonly string[],
): Promise<ReadableStream<Uint8Array>> {
  checkRecipients(recipients);
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return encrypter.encrypt(ReadableStream.from<Uint8Array>(withHead(head, bytes)));
}

async function* withHead(head: ArtifactHead, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(`${JSON.stringify({ ...head })}\n`);
  yield* bytes;
}
