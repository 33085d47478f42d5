/** `hybrid artifact download`: checked by its SHA-256, and opened where its agent has encrypted it. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { CommandContext } from './context.js';
import { CommandError, UsageError } from './errors.js';
import { EXIT } from './exit-codes.js';

const TREE = 'application/vnd.hybrid.tar+gzip';

export async function downloadArtifact(
  { api, out, openKey }: CommandContext,
  run: string,
  key: string,
  options: { to?: string },
): Promise<void> {
  const response = await api.artifact(run, key);
  const { SEALED_TYPE, SealedError } = await import('@hybrid/sealed');
  let type = response.headers.get('content-type')?.split(';')[0] ?? '';
  const sealed = type === SEALED_TYPE;
  const reader = sealed ? await openKey() : undefined;
  const to = options.to ?? key.replaceAll(/[^A-Za-z0-9._-]+/g, '-');
  const part = `${to}.part`;
  const hash = createHash('sha256');
  if (sealed && !reader) {
    await response.body?.cancel();
    throw new UsageError(`the artifact ${key} is encrypted: give its key by --key-file or HYBRID_KEY_FILE`);
  }
  try {
    const hashed = ReadableStream.from<Uint8Array>(hashing(response.body!, hash));
    let bytes = hashed;
    if (reader) ({ type, bytes } = await reader.openArtifact(hashed, { execution: run, key }));
    await pipeline(Readable.from(bytes), createWriteStream(part, { mode: 0o600, flags: 'wx' }));
    const sha256 = hash.digest('hex');
    if (sha256 !== response.headers.get('x-content-sha256'))
      throw new CommandError(
        `the artifact ${key} is not what was stored: its SHA-256 is ${sha256}`,
        EXIT.failed,
      );
    await rename(part, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') await rm(part, { force: true });
    if (!(error instanceof SealedError)) throw error;
    throw new CommandError(`the artifact ${key} cannot be opened: ${error.message}`, EXIT.failed, {
      cause: error,
    });
  }
  if (out.format === 'json') return out.json({ file: to, content_type: type, sealed });
  out.line(to);
  if (type === TREE) out.note(`it is a folder: tar -xzf ${to}`);
}

async function* hashing(
  body: ReadableStream<Uint8Array>,
  hash: { update(bytes: Uint8Array): unknown },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    hash.update(chunk);
    yield chunk;
  }
}
