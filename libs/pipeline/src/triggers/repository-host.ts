/**
 * Of which host's repository a pipeline is. `acme/web` of one host is another than `acme/web` of the next, and whoever can
 * make one there could start pipelines that are of the first.
 */
import type { TriggerEvent } from '@hybrid/contracts';

interface OfRepository {
  /** `owner/name`, or with its host before it: `github.com/acme/web`. */
  repository: string | null;
  /** As git takes it. */
  clone_url: string | null;
}

/** `port`: empty where it is the usual one; undefined where it says nothing, as by ssh a host has another than by https. */
interface Host {
  name: string;
  port: string | undefined;
}

/** As git also writes an ssh address: `git@host:owner/name.git`. */
const SHORT_SSH = /^(?:[^/@:\s]+@)?([^/@:\s]+):(?!\/\/)(.+)$/;
/** A host has a dot or a port; behind it are an owner and a name, at least. */
const WITH_HOST = /^([^/:]+\.[^/:]+|[^/:]+(?=:\d))(?::(\d{1,5}))?\/([^/]+\/.+)$/;

/** How a pipeline of the event's repository may have named it, in lower case. */
export function namesOfRepository({ repository, clone_url }: TriggerEvent): string[] {
  const host = cloned(clone_url)?.host;
  const hosts = host ? [...new Set([host.name, shown(host)])] : [];
  const names = namesOf(repository, clone_url);
  return [...names, ...hosts.flatMap((one) => names.map((name) => `${one}/${name}`))];
}

/** In lower case; also as it is cloned, where a host puts something before the name: Bitbucket Data Center `scm/`. */
function namesOf(repository: string, clone_url: string | null): string[] {
  const name = repository.toLowerCase();
  const path = cloned(clone_url)?.path;
  return path?.endsWith(`/${name}`) ? [name, path] : [name];
}

/** Null: nothing says that the event is of another host than the pipeline. Otherwise why not. */
export function ofOtherHost(pipeline: OfRepository, event: TriggerEvent): string | null {
  const { host: own, repository } = placeOf(pipeline);
  if (!own) return null;
  const its = cloned(event.clone_url)?.host;
  if (!its)
    return `it is of ${shown(own)}, and the event has no clone URL by https or ssh, which would say of which host it is: let a rule start it, one that names the source`;
  const samePort = own.port === its.port || own.port === undefined || its.port === undefined;
  const sameName =
    repository !== null && namesOf(event.repository, event.clone_url).includes(repository.toLowerCase());
  if (own.name === its.name && samePort && sameName) return null;
  const [mine, other] = [`${shown(own)}/${repository}`, `${shown(its)}/${event.repository}`];
  return `it is of ${mine}, and the event of ${other}: where both are one, store it with the repository ${other}`;
}

/** The repository's own word counts more: what is cloned may be a mirror. A group of GitLab may look like a host. */
function placeOf({ repository, clone_url }: OfRepository): { host?: Host; repository: string | null } {
  const clone = cloned(clone_url);
  const [, name, port, path] = WITH_HOST.exec(repository ?? '') ?? [];
  if (name === undefined || clone?.path === repository!.toLowerCase())
    return { host: clone?.host, repository };
  return { host: { name: name.toLowerCase(), port }, repository: path! };
}

function cloned(url: string | null): { host: Host; path: string } | null {
  if (url === null) return null;
  const [, short, path] = SHORT_SSH.exec(url) ?? [];
  const text = short ? `ssh://${short}/${path}` : url;
  if (!URL.canParse(text)) return null;
  const { protocol, hostname, port, pathname } = new URL(text);
  if (hostname === '') return null;
  return {
    host: { name: hostname.toLowerCase(), port: protocol === 'ssh:' ? undefined : port },
    path: pathname
      .replace(/^\/+|\/+$/g, '')
      .replace(/\.git$/, '')
      .toLowerCase(),
  };
}

function shown({ name, port }: Host): string {
  return port ? `${name}:${port}` : name;
}
