/** Where a secret lies, as one line: `<where>://<path>?<options>#<key of a JSON object>`. */

export interface SecretReference {
  /** As it was written; it holds no secret. */
  text: string;
  kind: keyof typeof KINDS;
  /** Without the scheme, percent-decoded. */
  path: string;
  options: Record<string, string>;
  /** Field of the JSON object that lies there; the whole text where it is left out. */
  key?: string;
}

interface Kind {
  example: string;
  path: RegExp;
  options: string[];
  /** Whether there must be one. */
  key: 'optional' | 'required';
}

const KINDS = {
  env: { example: 'env://NPM_TOKEN', path: /^[A-Za-z_]\w*$/, options: [], key: 'optional' },
  file: { example: 'file:///run/secrets/npm', path: /^\/./, options: [], key: 'optional' },
  vault: {
    example: 'vault://secret/data/ci#npm_token',
    path: /^[^/]+(\/[^/]+)+$/,
    options: ['version'],
    key: 'required',
  },
  'aws-sm': {
    example: 'aws-sm://prod/npm?region=eu-central-1#token',
    path: /^[\w/+=.@:-]+$/,
    options: ['region', 'version', 'stage'],
    key: 'optional',
  },
  'azure-kv': {
    example: 'azure-kv://my-vault/npm-token',
    path: /^[A-Za-z0-9.-]+\/[A-Za-z0-9-]+(\/[0-9a-f]+)?$/,
    options: [],
    key: 'optional',
  },
  'gcp-sm': {
    example: 'gcp-sm://my-project/npm-token',
    path: /^[a-z0-9:.-]+\/[\w-]+(\/(\d+|latest|[\w-]+))?$/,
    options: [],
    key: 'optional',
  },
} satisfies Record<string, Kind>;

export class SecretReferenceError extends Error {
  override readonly name = 'SecretReferenceError';
}

/** Throws SecretReferenceError with the right form. */
export function parseReference(text: string): SecretReference {
  const [, scheme = '', encoded = '', query, fragment] =
    /^([a-z][a-z-]*):\/\/([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/.exec(text) ?? [];
  if (!Object.hasOwn(KINDS, scheme)) {
    const examples = Object.values(KINDS).map(({ example }) => example);
    // It may be the secret itself, pasted: it is not repeated.
    throw new SecretReferenceError(`it must be a reference such as ${examples.join(', ')}`);
  }
  const kind: Kind = KINDS[scheme as keyof typeof KINDS];
  const refuse = (what: string): SecretReferenceError =>
    new SecretReferenceError(`${text}: ${what}; an example is ${kind.example}`);
  const path = decode(encoded);
  if (path === undefined || !kind.path.test(path) || path.split('/').some((part) => /^\.\.?$/.test(part)))
    throw refuse('the path is wrong');
  const options = Object.fromEntries(new URLSearchParams(query));
  const unknown = Object.keys(options).find((name) => !kind.options.includes(name));
  if (unknown !== undefined)
    throw refuse(
      kind.options.length > 0
        ? `${unknown} is not one of its options ${kind.options.join(', ')}`
        : 'it takes no options',
    );
  const key = fragment === undefined ? undefined : decode(fragment);
  if (key === '' || (kind.key === 'required' && key === undefined))
    throw refuse('the key of the value is missing after #');
  return { text, kind: scheme as keyof typeof KINDS, path, options, ...(key !== undefined && { key }) };
}

function decode(text: string): string | undefined {
  try {
    const decoded = decodeURIComponent(text);
    // eslint-disable-next-line no-control-regex
    return /[\x00-\x1f\x7f]/.test(decoded) ? undefined : decoded;
  } catch {
    return undefined;
  }
}
