/** Commands that make keys and sign with them. Private keys are read here and sent nowhere. */
import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readPipeline } from '@hybrid/pipeline';
import {
  definitionDigest,
  newSigningKey,
  publicKeyOf,
  readSigningKey,
  readTrustedKeys,
  sign,
  type Signed,
  type SigningKey,
} from '@hybrid/trust';
import { filesNamedIn } from './definition-files.js';
import { CommandError, UsageError } from './errors.js';
import { EXIT } from './exit-codes.js';
import { gitAnswer } from './git-repository.js';
import { originOf } from './origin.js';
import type { Output } from './output.js';
import { PIPELINE_FILE, readDefinitionFile, SIGNATURE_SUFFIX } from './pipeline-definition.js';
import { reportDefinitionErrors } from './text/definition-errors.js';

interface KeyPairOptions {
  kid?: string;
  use?: Signed[];
  trustKeys?: string;
}

/** The private key into a file of its own, which must not be there; the public one shown, or put into a JWKS. */
export async function createKeyPair(out: Output, file: string, options: KeyPairOptions): Promise<void> {
  const key = await newSigningKey(options.kid);
  const publicKey = publicKeyOf(key, options.use);
  readTrustedKeys(JSON.stringify({ keys: [publicKey] }));
  const jwks = options.trustKeys === undefined ? undefined : await withKey(options.trustKeys, publicKey);
  await writeFile(file, `${JSON.stringify(key, null, 2)}\n`, { mode: 0o600, flag: 'wx' }).catch(
    (cause: Error) => {
      throw new UsageError(`the key cannot be written to ${file}: ${cause.message}`, { cause });
    },
  );
  if (options.trustKeys !== undefined) await replace(options.trustKeys, jwks!);
  if (out.format === 'json' || jwks === undefined) return out.json({ keys: [publicKey] });
  out.line(`${file} has the private key ${key.kid}: keep it. ${options.trustKeys} has the public one.`);
}

async function withKey(file: string, key: object): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{"keys": []}';
    throw new UsageError(`${file} (--trust-keys) cannot be read: ${error.message}`, { cause: error });
  });
  try {
    const { keys } = JSON.parse(text) as { keys: object[] };
    const jwks = `${JSON.stringify({ keys: [...keys, key] }, null, 2)}\n`;
    readTrustedKeys(jwks);
    return jwks;
  } catch (cause) {
    throw new UsageError(`${file} (--trust-keys): ${(cause as Error).message}`, { cause });
  }
}

/** A crash leaves the old file or the new one. */
async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await chmod(`${file}.new`, 0o644);
  await rename(`${file}.new`, file);
}

interface SignOptions {
  key: string;
  repo: string;
  repository?: string;
}

export async function signPipeline(
  out: Output,
  file: string | undefined,
  { key: keyFile, repo, repository }: SignOptions,
): Promise<void> {
  const key = await readKey(keyFile);
  const root = await rootOf(repo);
  const path = file ?? join(root, PIPELINE_FILE);
  const { text, files } = await definitionIn(root, path);
  const read = readPipeline(text, files);
  if ('errors' in read) {
    reportDefinitionErrors(out, { file: path, text, files }, read.errors);
    throw new CommandError(`${path} has errors`, EXIT.failed);
  }
  const statement = {
    pipeline: read.definition.name,
    definition_sha256: definitionDigest(text, files),
    repository: repository ?? (await originOf(root)).clone_url ?? root,
    signed_at: new Date().toISOString(),
  };
  await replace(path + SIGNATURE_SUFFIX, `${await sign('pipeline', statement, key)}\n`);
  if (out.format === 'json') return out.json({ file: path + SIGNATURE_SUFFIX, kid: key.kid, ...statement });
  out.line(
    `${path}${SIGNATURE_SUFFIX}: signed by ${key.kid}, for runs of ${statement.repository}; commit it`,
  );
}

/** What is approved: the text that this person has, not the one that the control plane tells of. */
export async function approvalOf(
  { keyFile, repo, file }: { keyFile: string; repo: string; file?: string },
  gate: { run_id: string; gate: string; commit: string | null },
): Promise<string> {
  const key = await readKey(keyFile);
  const root = await rootOf(repo);
  const { text, files } = await definitionIn(root, file ?? join(root, PIPELINE_FILE));
  const definition_sha256 = definitionDigest(text, files);
  return sign(
    'approval',
    { ...gate, decision: 'approved', definition_sha256, at: new Date().toISOString() },
    key,
  );
}

async function definitionIn(
  root: string,
  path: string,
): Promise<{ text: string; files: Record<string, string> }> {
  const { text } = await readDefinitionFile(path, 'the pipeline file');
  const files = await filesNamedIn(text, (name) => readFile(join(root, name), 'utf8').catch(() => undefined));
  return { text, files };
}

async function rootOf(repo: string): Promise<string> {
  return (await gitAnswer(repo, ['rev-parse', '--show-toplevel'])) ?? resolve(repo);
}

async function readKey(file: string): Promise<SigningKey> {
  try {
    return readSigningKey(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new UsageError(`${file} (--key): ${(cause as Error).message}`, { cause });
  }
}
