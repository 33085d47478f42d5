import { relative } from 'node:path';

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

function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
