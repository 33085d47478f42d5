/** What customers' keys sign: compact JWS, EdDSA alone, whose type says what they are for. */
import { CompactSign, compactVerify, decodeProtectedHeader } from 'jose';
import { createHash } from 'node:crypto';
import type { SigningKey } from './key-pair.js';
import type { Signed, TrustedKey, TrustedKeys } from './trusted-keys.js';

/** That this text is this pipeline. */
export interface PipelineStatement {
  /** Its name. */
  pipeline: string;
  /** Of its text and the files that it names: `definitionDigest`. */
  definition_sha256: string;
  /** What its runs may clone. Null: nothing. */
  repository: string | null;
  /** RFC 3339 UTC. Of two, the later one counts. */
  signed_at: string;
}

/** That this person lets this run pass this gate. */
export interface ApprovalStatement {
  run_id: string;
  /** Id of the gate's instance. */
  gate: string;
  decision: 'approved' | 'rejected';
  /** Of the text that the person has before them. */
  definition_sha256: string;
  /** Of the run, as the person was shown it. Null: it has no source. */
  commit: string | null;
  /** RFC 3339 UTC. */
  at: string;
}

interface Statements {
  pipeline: PipelineStatement;
  approval: ApprovalStatement;
}

const ALGORITHM = 'EdDSA';
/** What has a type is never taken for something else that the same key signed. */
const TYPES = { pipeline: 'hybrid-pipeline+jws', approval: 'hybrid-approval+jws' } as const;
/** No others: none that brings a key along (`jwk`, `jku`, `x5u`), and none that is critical. */
const HEADERS = ['alg', 'kid', 'typ'];
const MAX_CHARACTERS = 4_000;

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/;
const DIGEST = /^[0-9a-f]{64}$/;
const isText = (value: unknown): boolean =>
  typeof value === 'string' && value !== '' && value.length <= 2_000;
const isTextOrNull = (value: unknown): boolean => value === null || isText(value);
const fits = (pattern: RegExp) => (value: unknown) => typeof value === 'string' && pattern.test(value);

const SHAPES: Record<keyof Statements, Record<string, (value: unknown) => boolean>> = {
  pipeline: {
    pipeline: isText,
    definition_sha256: fits(DIGEST),
    repository: isTextOrNull,
    signed_at: fits(TIME),
  },
  approval: {
    run_id: isText,
    gate: isText,
    decision: fits(/^(approved|rejected)$/),
    definition_sha256: fits(DIGEST),
    commit: isTextOrNull,
    at: fits(TIME),
  },
};

/** Of a pipeline's text together with the files that it names, in the order of their paths. */
export function definitionDigest(definition: string, files: Record<string, string> = {}): string {
  const named = Object.entries(files).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([definition, ...named]))
    .digest('hex');
}

export function sign<Kind extends keyof Statements>(
  kind: Kind,
  statement: Statements[Kind],
  key: SigningKey,
): Promise<string> {
  return new CompactSign(new TextEncoder().encode(JSON.stringify(statement)))
    .setProtectedHeader({ alg: ALGORITHM, kid: key.kid, typ: TYPES[kind] })
    .sign(key);
}

/** Somebody's word is refused, and why. */
export class Distrusted extends Error {
  override readonly name = 'Distrusted';
}

/** What was signed, and by which of the keys. Throws Distrusted. */
export async function verify<Kind extends keyof Statements & Signed>(
  kind: Kind,
  jws: string,
  keys: TrustedKeys,
): Promise<{ statement: Statements[Kind]; key: TrustedKey }> {
  const key = signerOf(kind, jws, keys);
  let value: unknown;
  try {
    const { payload } = await compactVerify(jws, key.jwk, { algorithms: [ALGORITHM] });
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    throw new Distrusted(`it is not by the key ${key.kid}, or was altered`);
  }
  const wrong = faultOf(kind, value);
  if (wrong) throw new Distrusted(`what the key ${key.kid} signed is no ${kind}: ${wrong}`);
  return { statement: value as Statements[Kind], key };
}

function signerOf(kind: keyof Statements & Signed, jws: unknown, keys: TrustedKeys): TrustedKey {
  if (typeof jws !== 'string' || jws.length > MAX_CHARACTERS) throw new Distrusted('it is no compact JWS');
  let header: ReturnType<typeof decodeProtectedHeader>;
  try {
    header = decodeProtectedHeader(jws);
  } catch {
    throw new Distrusted('it is no compact JWS');
  }
  const foreign = Object.keys(header).find((name) => !HEADERS.includes(name));
  if (foreign !== undefined)
    throw new Distrusted(`its header has a field that none may have: ${foreign.slice(0, 40)}`);
  if (header.alg !== ALGORITHM) throw new Distrusted(`its algorithm is not ${ALGORITHM}`);
  if (header.typ !== TYPES[kind]) throw new Distrusted(`its type is not ${TYPES[kind]}`);
  const key = typeof header.kid === 'string' ? keys.get(header.kid) : undefined;
  if (!key) throw new Distrusted('its key is none of those that are trusted here');
  if (!key.uses.includes(kind))
    throw new Distrusted(`the key ${key.kid} may not sign this: its hybrid_use lacks ${kind}`);
  return key;
}

function faultOf(kind: keyof Statements, value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return 'it is no object';
  const shape = SHAPES[kind];
  const fields = value as Record<string, unknown>;
  const wrong = Object.entries(shape).find(([name, isRight]) => !isRight(fields[name]));
  if (wrong) return `${wrong[0]} is missing or wrong`;
  return Object.keys(fields).every((name) => Object.hasOwn(shape, name)) ? null : 'it has more fields';
}
