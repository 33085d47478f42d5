/** Commit statuses as the APIs of GitHub, GitLab and Gitea take them. */
import type { ClaimedJob } from '@hybrid/contracts';
import type { OutgoingHttpHeaders } from 'node:http';

export type StatusState = 'pending' | 'success' | 'failure' | 'error';

export interface ForgeSettings {
  kind: keyof typeof FORGES;
  /** Name of the secret that holds the token. */
  token: string;
  /** Base of the API; that of the host unless told. */
  url: string;
  /** Where a person finds the run; {run}, {pipeline} and {job} stand for their ids. */
  target?: string;
}

interface StatusReport {
  /** Of the repository on its host: `owner/name`, with groups in between at GitLab. */
  path: string;
  commit: string;
  state: StatusState;
  job: ClaimedJob;
}

interface Forge {
  name: string;
  api(host: string): string;
  headers(token: string): OutgoingHttpHeaders;
  /** Below the base. */
  path(report: StatusReport): string;
  /** Characters of a description. */
  descriptionMax: number;
  body(fields: { state: StatusState; context: string; description: string; target_url?: string }): unknown;
}

const GITLAB_STATES = { pending: 'running', success: 'success', failure: 'failed', error: 'failed' };

export const FORGES = {
  github: {
    name: 'GitHub',
    api: (host) => (host === 'github.com' ? 'https://api.github.com' : `https://${host}/api/v3`),
    headers: (token) => ({
      accept: 'application/vnd.github+json',
      authorization: `Bearer ${token}`,
      'x-github-api-version': '2022-11-28',
    }),
    path: ({ path, commit }) => `repos/${encoded(path)}/statuses/${commit}`,
    descriptionMax: 140,
    body: (fields) => fields,
  },
  gitlab: {
    name: 'GitLab',
    api: (host) => `https://${host}/api/v4`,
    headers: (token) => ({ 'private-token': token }),
    path: ({ path, commit }) => `projects/${encodeURIComponent(path)}/statuses/${commit}`,
    descriptionMax: 255,
    body: ({ state, context, ...fields }) => ({ ...fields, state: GITLAB_STATES[state], name: context }),
  },
  gitea: {
    name: 'Gitea',
    api: (host) => `https://${host}/api/v1`,
    headers: (token) => ({ authorization: `token ${token}` }),
    path: ({ path, commit }) => `repos/${encoded(path)}/statuses/${commit}`,
    descriptionMax: 255,
    body: (fields) => fields,
  },
} satisfies Record<string, Forge>;

const DESCRIPTIONS: Record<StatusState, string> = {
  pending: 'is running',
  success: 'succeeded',
  failure: 'failed',
  error: 'could not be run',
};

export function statusRequest(
  { kind, url, target }: ForgeSettings,
  token: string,
  report: StatusReport,
): { url: URL; headers: OutgoingHttpHeaders; body: string } {
  const forge: Forge = FORGES[kind];
  const { job, state } = report;
  const pipeline = job.pipeline_id ?? '';
  const context = ['hybrid', pipeline, job.spec.step.id]
    .filter((part) => part !== '')
    .join('/')
    .slice(0, 255);
  const ids: Record<string, string> = { run: job.run_id ?? '', pipeline, job: job.id };
  const target_url = target?.replace(/\{(run|pipeline|job)\}/g, (_, id: string) =>
    encodeURIComponent(ids[id] ?? ''),
  );
  const description = `${job.spec.step.name} ${DESCRIPTIONS[state]}`.slice(0, forge.descriptionMax);
  const body = JSON.stringify(forge.body({ state, context, description, ...(target_url && { target_url }) }));
  return {
    url: new URL(`${url}/${forge.path(report)}`),
    headers: {
      ...forge.headers(token),
      'user-agent': 'hybrid-agent',
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    },
    body,
  };
}

/** Host and path of an address of https, http or ssh, also in the form `git@host:path`; nothing for one of this machine. */
export function repositoryOf(repository: string): { host: string; path: string } | undefined {
  const [, short, shortPath] = /^(?:[^@/:]+@)?([A-Za-z0-9.-]+):(?!\/\/)(.+)$/.exec(repository) ?? [];
  const url = short === undefined && URL.canParse(repository) ? new URL(repository) : undefined;
  if (url && !/^(https?|ssh):$/.test(url.protocol)) return undefined;
  const host = short ?? url?.host;
  const path = decoded(shortPath ?? url?.pathname ?? '')
    .replace(/^\/+|\/+$/g, '')
    .replace(/\.git$/, '');
  if (!host || !/^[\w.-]+(\/[\w.-]+)+$/.test(path) || path.split('/').some((part) => /^\.+$/.test(part)))
    return undefined;
  // The port of ssh is not that of the API.
  return { host: url?.protocol === 'ssh:' ? url.hostname : host, path };
}

const encoded = (path: string): string => path.split('/').map(encodeURIComponent).join('/');

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return '';
  }
}

/** `{host: {kind, token, url, target}}`. Throws an Error that says what is wrong. */
export function readForges(given: Record<string, unknown>): Record<string, ForgeSettings> {
  return Object.fromEntries(
    Object.entries(given).map(([host, value]) => {
      const refuse = (what: string): Error => new Error(`${host}: ${what}`);
      if (!/^[A-Za-z0-9.-]+(:\d{1,5})?$/.test(host)) throw refuse('it must be a host such as github.com');
      if (typeof value !== 'object' || value === null) throw refuse('it must be a map of kind and token');
      const { kind, token, url, target, ...rest } = value as Record<string, unknown>;
      const [unknown] = Object.keys(rest);
      if (unknown !== undefined) throw refuse(`there is no ${unknown}, only kind, token, url and target`);
      if (typeof kind !== 'string' || !Object.hasOwn(FORGES, kind))
        throw refuse(`kind must be ${Object.keys(FORGES).join(', ')}`);
      if (typeof token !== 'string' || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(token))
        throw refuse('token must be the name of a secret');
      for (const [name, text] of Object.entries({ url, target }))
        if (text !== undefined && !(typeof text === 'string' && /^https?:\/\/[^\s?#]/.test(text)))
          throw refuse(`${name} must be an address of http or https`);
      const forge: Forge = FORGES[kind as keyof typeof FORGES];
      const base = typeof url === 'string' ? url.replace(/\/+$/, '') : forge.api(host);
      return [
        host,
        {
          kind: kind as keyof typeof FORGES,
          token,
          url: base,
          ...(typeof target === 'string' && { target }),
        },
      ];
    }),
  );
}
