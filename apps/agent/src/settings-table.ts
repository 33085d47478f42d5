/** Every setting once: its flag, which is also its key in the settings file, its variable, and how its text is read. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { LOG_KEEPERS } from './log-keeping.js';
import { recipients, sealables } from './sealing.js';
import {
  command,
  commitStatus,
  cores,
  folders,
  gatewayUrl,
  gitCredentials,
  healthAddress,
  labels,
  machineName,
  names,
  oneOf,
  secretRules,
  size,
  storeUrl,
  text,
  textsByKey,
  whole,
  yesOrNo,
} from './settings-values.js';

export type Setting = {
  flag: string;
  /** Another name of the flag and of the key. */
  alias?: string;
  /** What stands after the flag; yes-or-no settings have nothing. */
  takes?: string;
  env: string;
  about: string;
  initial?: () => unknown;
} & (
  | { list?: undefined; map?: undefined; /** Throws SettingsError. */ parse: (text: string) => unknown }
  | {
      /** A map, whose values may be maps and lists; as a flag and a variable it is YAML on one line. */ map: true;
      list?: undefined;
      parse: (map: Record<string, unknown>) => unknown;
    }
  | {
      /** Repeatable as a flag, comma-separated elsewhere. */ list: true;
      map?: undefined;
      parse: (texts: string[]) => unknown;
    }
);

export const SETTINGS = {
  config: {
    flag: 'config',
    takes: 'file',
    env: 'HYBRID_AGENT_CONFIG',
    about: 'settings file: YAML, its keys are these flags',
    parse: text,
  },
  url: { flag: 'url', takes: 'url', env: 'HYBRID_URL', about: 'address of the gateway', parse: gatewayUrl },
  name: {
    flag: 'name',
    takes: 'name',
    env: 'HYBRID_AGENT_NAME',
    about: 'name for people',
    initial: machineName,
    parse: text,
  },
  pool: {
    flag: 'pool',
    takes: 'pool',
    env: 'HYBRID_AGENT_POOL',
    about: 'pool whose jobs it takes',
    initial: () => 'default',
    parse: text,
  },
  label: {
    flag: 'label',
    alias: 'tags',
    takes: 'key=value,…',
    env: 'HYBRID_AGENT_LABELS',
    about: 'labels that jobs may ask for',
    initial: () => ({}),
    list: true,
    parse: labels,
  },
  capability: {
    flag: 'capability',
    takes: 'name,…',
    env: 'HYBRID_AGENT_CAPABILITIES',
    about: 'capabilities that jobs may ask for, beside that of the executor',
    initial: () => [],
    list: true,
    parse: (texts) => texts.map((one) => one.trim()).filter((one) => one !== ''),
  },
  region: {
    flag: 'region',
    takes: 'region',
    env: 'HYBRID_AGENT_REGION',
    about: 'where it is, for people',
    parse: text,
  },
  capacity: {
    flag: 'capacity',
    takes: 'n',
    env: 'HYBRID_AGENT_CAPACITY',
    about: 'jobs at a time',
    initial: () => 1,
    parse: whole(1, 1000),
  },
  data: {
    flag: 'data',
    takes: 'directory',
    env: 'HYBRID_AGENT_DATA',
    about: 'identity, workspaces, and results that are not sent yet',
    initial: () => join(homedir(), '.hybrid-agent'),
    parse: text,
  },
  joinTokenFile: {
    flag: 'join-token-file',
    takes: 'file',
    env: 'HYBRID_JOIN_TOKEN_FILE',
    about: 'token for the first start; the variable HYBRID_JOIN_TOKEN may hold it instead',
    parse: text,
  },
  workloadTokenFile: {
    flag: 'workload-token-file',
    takes: 'file',
    env: 'HYBRID_WORKLOAD_TOKEN_FILE',
    about: 'instead of a join token: the token of this workload, in a file that its platform renews',
    parse: text,
  },
  workloadTokenCommand: {
    flag: 'workload-token-command',
    takes: 'command',
    env: 'HYBRID_WORKLOAD_TOKEN_COMMAND',
    about: 'instead of that file: a program and its arguments (no shell, no quotes) that prints the token',
    parse: command,
  },
  organisation: {
    flag: 'organisation',
    takes: 'name',
    env: 'HYBRID_ORGANISATION',
    about: 'whose trust rules the workload token is for; a join token says that itself',
    parse: text,
  },
  secretsFile: {
    flag: 'secrets-file',
    takes: 'file',
    env: 'HYBRID_SECRETS_FILE',
    about: 'lines NAME=value, mode 0600; variables HYBRID_SECRET_<NAME> may hold them instead',
    parse: text,
  },
  secrets: {
    flag: 'secrets',
    takes: 'map',
    env: 'HYBRID_AGENT_SECRETS',
    about: 'NAME: where it lies, or {from, pipelines, refs}; see docs/secrets.md',
    initial: () => ({}),
    map: true,
    parse: secretRules,
  },
  vault: {
    flag: 'vault',
    takes: 'map',
    env: 'HYBRID_AGENT_VAULT',
    about: 'address, auth, namespace, ca-file … of HashiCorp Vault; VAULT_ADDR and the like unless told',
    initial: () => ({}),
    map: true,
    parse: textsByKey,
  },
  gitDepth: {
    flag: 'git-depth',
    takes: 'commits',
    env: 'HYBRID_GIT_DEPTH',
    about: 'commits of history that a step gets; 0: all',
    initial: () => 1,
    parse: whole(0, 1_000_000),
  },
  gitSubmodules: {
    flag: 'git-submodules',
    env: 'HYBRID_GIT_SUBMODULES',
    about: 'fetch submodules, too',
    initial: () => false,
    parse: yesOrNo,
  },
  gitMirrors: {
    flag: 'git-mirrors',
    takes: 'yes or no',
    env: 'HYBRID_GIT_MIRRORS',
    about: 'keep copies of repositories in the data directory, so that a commit is fetched once',
    initial: () => true,
    parse: yesOrNo,
  },
  gitCredentials: {
    flag: 'git-credentials',
    takes: 'map',
    env: 'HYBRID_GIT_CREDENTIALS',
    about: 'host: name of the secret with its token, or {username, password, ssh-key}; see docs/sources.md',
    initial: () => ({}),
    map: true,
    parse: gitCredentials,
  },
  gitKnownHosts: {
    flag: 'git-known-hosts',
    takes: 'file',
    env: 'HYBRID_GIT_KNOWN_HOSTS',
    about: 'keys of ssh hosts, instead of ~/.ssh/known_hosts',
    parse: text,
  },
  gitAcceptNewHosts: {
    flag: 'git-accept-new-hosts',
    env: 'HYBRID_GIT_ACCEPT_NEW_HOSTS',
    about: 'believe ssh hosts that are not known yet, and remember them',
    initial: () => false,
    parse: yesOrNo,
  },
  status: {
    flag: 'status',
    takes: 'map',
    env: 'HYBRID_COMMIT_STATUS',
    about:
      'host: {kind, token, url, target}: tells GitHub, GitLab or Gitea how commits fare; see docs/sources.md',
    initial: () => ({}),
    map: true,
    parse: commitStatus,
  },
  executor: {
    flag: 'executor',
    takes: 'kind',
    env: 'HYBRID_EXECUTOR',
    about: 'docker, process, auto (docker where an engine answers), or dummy (runs nothing: for tests)',
    initial: () => 'auto',
    parse: oneOf('auto', 'docker', 'process', 'dummy'),
  },
  allowHost: {
    flag: 'allow-host',
    env: 'HYBRID_ALLOW_HOST',
    about: 'allow steps to run on this machine without a sandbox',
    initial: () => false,
    parse: yesOrNo,
  },
  defaultImage: {
    flag: 'default-image',
    takes: 'image',
    env: 'HYBRID_DEFAULT_IMAGE',
    about: 'image of steps that name none',
    initial: () => 'node:20-slim',
    parse: text,
  },
  stepMemory: {
    flag: 'step-memory',
    takes: 'size',
    env: 'HYBRID_STEP_MEMORY',
    about: 'memory that a step gets, and the most that it may ask for, such as 4GiB',
    parse: size,
  },
  stepCpu: {
    flag: 'step-cpu',
    takes: 'cores',
    env: 'HYBRID_STEP_CPU',
    about: 'cores that a step gets, and the most that it may ask for, such as 1.5',
    parse: cores,
  },
  stepPids: {
    flag: 'step-pids',
    takes: 'n',
    env: 'HYBRID_STEP_PIDS',
    about: 'processes and threads that a step gets, and the most that it may ask for',
    parse: whole(1, 4_194_304),
  },
  allowMounts: {
    flag: 'allow-mounts',
    takes: 'folder,…',
    env: 'HYBRID_ALLOW_MOUNTS',
    about: 'folders of this machine that steps may mount, with what lies in them',
    initial: () => [],
    list: true,
    parse: folders,
  },
  allowDockerSocket: {
    flag: 'allow-docker-socket',
    env: 'HYBRID_ALLOW_DOCKER_SOCKET',
    about: 'allow steps to have the socket of the Docker engine, which makes them root of its machine',
    initial: () => false,
    parse: yesOrNo,
  },
  deployTo: {
    flag: 'deploy-to',
    takes: 'environment,…',
    env: 'HYBRID_DEPLOY_TO',
    about: 'environments that steps may deploy to with what this agent reaches; * for any',
    initial: () => [],
    list: true,
    parse: names,
  },
  onStop: {
    flag: 'on-stop',
    takes: 'what',
    env: 'HYBRID_ON_STOP',
    about: 'what SIGTERM does with running jobs: finish within the drain timeout, or hand-back at once',
    initial: () => 'finish',
    parse: oneOf('finish', 'hand-back'),
  },
  drainTimeout: {
    flag: 'drain-timeout',
    takes: 'seconds',
    env: 'HYBRID_DRAIN_TIMEOUT',
    about: 'time for running jobs to finish when it is stopped',
    initial: () => 30,
    parse: whole(0, 86_400),
  },
  disconnectAfterJob: {
    flag: 'disconnect-after-job',
    env: 'HYBRID_DISCONNECT_AFTER_JOB',
    about: 'take one job, then deregister and end',
    initial: () => false,
    parse: yesOrNo,
  },
  disconnectAfterIdle: {
    flag: 'disconnect-after-idle',
    takes: 'seconds',
    env: 'HYBRID_DISCONNECT_AFTER_IDLE',
    about: 'deregister and end when there was no job for so long',
    parse: whole(1, 31_536_000),
  },
  spoolLimitMb: {
    flag: 'spool-limit-mb',
    takes: 'MB',
    env: 'HYBRID_SPOOL_LIMIT_MB',
    about: 'log lines kept on disk while the gateway is away; past that steps that write wait',
    initial: () => 512,
    parse: whole(1, 1_000_000),
  },
  minFreeDiskMb: {
    flag: 'min-free-disk-mb',
    takes: 'MB',
    env: 'HYBRID_MIN_FREE_DISK_MB',
    about: 'take no job while less is free on the disk of the data directory; 0: never mind',
    initial: () => 500,
    parse: whole(0, 1_000_000_000),
  },
  artifactStore: {
    flag: 'artifact-store',
    takes: 'url',
    env: 'HYBRID_ARTIFACT_STORE',
    about:
      "where artifacts' bytes stay: file:///… or s3://bucket/prefix?region=…; the gateway gets them unless told",
    parse: storeUrl,
  },
  logs: {
    flag: 'logs',
    takes: 'keeper',
    env: 'HYBRID_LOGS',
    about: 'who keeps logs: control-plane; customer, in the log store, and no line leaves; or both',
    initial: () => 'control-plane',
    parse: oneOf(...LOG_KEEPERS),
  },
  logStore: {
    flag: 'log-store',
    takes: 'url',
    env: 'HYBRID_LOG_STORE',
    about: "the customer's store of logs: file:///… or s3://bucket/prefix?region=…",
    parse: storeUrl,
  },
  sealFor: {
    flag: 'seal-for',
    takes: 'age1…',
    env: 'HYBRID_SEAL_FOR',
    about: 'encrypt logs and artifacts for this key of `hybrid seal-key create`; may be repeated',
    initial: () => [],
    list: true,
    parse: recipients,
  },
  seal: {
    flag: 'seal',
    takes: 'what,…',
    env: 'HYBRID_SEAL',
    about: 'what is encrypted: logs, artifacts; both unless told',
    list: true,
    parse: sealables,
  },
  unsealKeyFile: {
    flag: 'unseal-key-file',
    takes: 'file',
    env: 'HYBRID_UNSEAL_KEY_FILE',
    about: 'key that opens encrypted artifacts which steps fetch',
    parse: text,
  },
  cacheStore: {
    flag: 'cache-store',
    takes: 'url',
    env: 'HYBRID_CACHE_STORE',
    about: 'where caches are kept: file:///… or s3://…; the folder cache in the data directory unless told',
    parse: storeUrl,
  },
  cacheSizeMb: {
    flag: 'cache-size-mb',
    takes: 'MB',
    env: 'HYBRID_CACHE_SIZE_MB',
    about: 'what a directory of caches may hold; what was used longest ago goes first; 0: no caches at all',
    initial: () => 10_240,
    parse: whole(0, 1_000_000_000),
  },
  cacheBranch: {
    flag: 'cache-branch',
    takes: 'branch,…',
    env: 'HYBRID_CACHE_BRANCHES',
    about: 'branches whose caches the jobs of all branches may read',
    initial: () => ['main', 'master'],
    list: true,
    parse: (texts) => texts.map((one) => one.trim()).filter((one) => one !== ''),
  },
  healthAddress: {
    flag: 'health-address',
    takes: 'host:port',
    env: 'HYBRID_HEALTH_ADDRESS',
    about: 'serve /health/live, /health/ready and /metrics here; a port alone is on loopback',
    parse: healthAddress,
  },
} satisfies Record<string, Setting>;

/** Of a list every part. */
export function split(setting: Setting, given: string): string[] {
  return setting.list ? given.split(',') : [given];
}
