/** Of which repository of a host a pipeline is: whose events start it, and what its scheduled runs clone. */
import type { Origin } from './api.js';
import { gitAnswer, isUrl } from './git-repository.js';

/** Of a repository's URL, or of the remote of a folder. Nothing where there is none. */
export async function originOf(repository: string): Promise<Origin> {
  const url = isUrl(repository) ? repository : await remoteOf(repository);
  return url === undefined ? {} : originFrom(url);
}

/** Whoever works in a fork calls what it is a fork of `upstream`, and means its pipeline. */
async function remoteOf(folder: string): Promise<string | undefined> {
  const upstream = await gitAnswer(folder, ['remote', 'get-url', 'upstream']);
  return upstream ?? gitAnswer(folder, ['remote', 'get-url', 'origin']);
}

/** `git@host:owner/name.git`, as git also writes an ssh address. */
const SHORT_SSH = /^(?:[^/@:\s]+@)?([^/@:\s]+):(?!\/\/)\/?([^\s]+)$/;

/** https and ssh only, without user and password: what is stored can be read by all who see the pipeline. */
export function originFrom(remote: string): Origin {
  const [, host, path] = SHORT_SSH.exec(remote) ?? [];
  const text = host ? `ssh://${host}/${path}` : remote;
  if (!URL.canParse(text)) return {};
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'ssh:') return {};
  const repository = url.pathname.replace(/^\/+|\/+$/g, '').replace(/\.git$/, '');
  if (!/^[\w.~-]+(\/[\w.~-]+)+$/.test(repository)) return {};
  return { repository, clone_url: `${url.protocol}//${url.host}${url.pathname}` };
}
