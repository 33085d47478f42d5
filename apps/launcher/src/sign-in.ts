import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';

const LINK_SECONDS = 3600;
const TIMEOUT_MS = 10_000;

/** How to go on from the terminal. Names the file of the token, never the token. */
export function signInHelp(url: string, tokenFile: string, directory = process.cwd()): string[] {
  const short = relative(directory, tokenFile);
  const file = short.startsWith('..') ? tokenFile : short;
  const settings = [
    ...(url === 'http://127.0.0.1:8080' ? [] : [`HYBRID_URL=${url}`]),
    ...(file === '.data/admin-token' ? [] : [`HYBRID_TOKEN_FILE=${quoted(file)}`]),
  ];
  return [
    `sign in with the token in ${file}:`,
    `  curl -H "Authorization: Bearer $(cat ${quoted(file)})" ${url}/api/runs`,
    `  ${[...settings, 'npm run hybrid -- run list'].join(' ')}`,
  ];
}

/**
 * How the administrator comes in with a browser where no provider is configured: a link for one use, within the hour.
 * Nothing where it cannot be had: the token does all that the link does.
 */
export async function signInLink(
  url: string,
  tokenFile: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string[]> {
  if (env['HYBRID_PROVIDERS_FILE']) return [];
  try {
    const token = (await readFile(tokenFile, 'utf8')).trim();
    const response = await fetch(`${url}/api/invitations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        roles: [{ role: 'admin' }],
        name: 'administrator',
        expires_in_seconds: LINK_SECONDS,
      }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) return [];
    const { path } = (await response.json()) as { path: string };
    return ['or with a browser, by this link (once, within the hour):', `  ${url}${path}`];
  } catch {
    return [];
  }
}

function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
