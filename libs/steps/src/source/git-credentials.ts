/**
 * The agent's credentials for git, never in an address or an argument: passwords go by the environment of git alone to a
 * credential helper that git asks for that host only, keys by files that are gone after the checkout.
 */
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StepProblem } from '../step.js';
import type { HostCredential, SourceSettings } from './source-settings.js';

/** GitHub wants it for tokens of apps; the others take any. */
const USERNAME = 'x-access-token';

export interface GitAccess {
  /** Of git's configuration. */
  config: string;
  env: Record<string, string>;
  /** Removes what must not outlive the checkout. */
  forget(): Promise<void>;
}

/** `own`: user and password that the repository's address itself holds. Throws StepProblem where a secret cannot be had. */
export async function gitAccess(
  settings: SourceSettings,
  own: { origin: string; username: string; password: string } | undefined,
  scratch: string,
  signal: AbortSignal,
): Promise<GitAccess> {
  const sections: string[] = [];
  const env: Record<string, string> = {};
  const keys: { host: string; file: string }[] = [];
  const helper = (origin: string, username: string, password: string): void => {
    if (/[\r\n\0]/.test(username + password))
      throw new StepProblem(`the password for ${origin} has a line break, which git does not take`);
    const n = sections.length;
    env[`HYBRID_GIT_USERNAME_${n}`] = username;
    env[`HYBRID_GIT_PASSWORD_${n}`] = password;
    const answer = `printf 'username=%s\\npassword=%s\\n' "$HYBRID_GIT_USERNAME_${n}" "$HYBRID_GIT_PASSWORD_${n}"`;
    // The empty helper first: those of the machine are not asked, and not told to keep it.
    sections.push(
      `[credential "${origin}"]\n\thelper =\n\thelper = ${quoted(`!f() { test "$1" = get && ${answer}; }; f`)}\n`,
    );
  };

  if (own) helper(own.origin, own.username, own.password);
  for (const [host, credential] of Object.entries(settings.credentials)) {
    const { username = USERNAME, password, 'ssh-key': key }: HostCredential = credential;
    const origin = host.includes('://') ? host : `https://${host}`;
    if (password !== undefined && origin !== own?.origin)
      helper(origin, username, await settings.secret(password, signal));
    if (key !== undefined) {
      const file = join(scratch, `ssh-key-${keys.length}`);
      await writeFile(file, `${(await settings.secret(key, signal)).trimEnd()}\n`, { mode: 0o600 });
      await chmod(file, 0o600);
      keys.push({ host: new URL(origin).hostname, file });
    }
  }
  const ssh = process.env['GIT_SSH_COMMAND'] ?? (await sshCommand(settings, keys, scratch));
  return {
    config: sections.join(''),
    env: { ...env, GIT_SSH_COMMAND: ssh },
    forget: async () => {
      for (const { file } of keys) await rm(file, { force: true });
    },
  };
}

/** By a configuration of ours before the user's: of each option the first value counts. */
async function sshCommand(
  { acceptNewHosts, knownHosts }: SourceSettings,
  keys: { host: string; file: string }[],
  scratch: string,
): Promise<string> {
  const file = join(scratch, 'ssh_config');
  const hosts = keys.flatMap(({ host, file: key }) => [
    `Host ${host}`,
    `  IdentityFile "${key}"`,
    '  IdentitiesOnly yes',
  ]);
  const lines = [
    ...hosts,
    'Host *',
    '  BatchMode yes',
    '  ConnectTimeout 30',
    `  StrictHostKeyChecking ${acceptNewHosts ? 'accept-new' : 'yes'}`,
    ...(knownHosts === undefined ? [] : [`  UserKnownHostsFile "${knownHosts}"`]),
    'Include ~/.ssh/config',
    'Include /etc/ssh/ssh_config',
  ];
  await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  return `ssh -F '${file.replaceAll("'", `'\\''`)}'`;
}

/** As git's configuration wants it. */
function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
