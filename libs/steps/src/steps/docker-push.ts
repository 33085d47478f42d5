/** step.docker_push: an image of this engine to a registry. */
import type Docker from 'dockerode';
import { imageNamed, statusOf } from '../sandbox/docker-engine.js';
import { followEngine, statusLine } from '../sandbox/docker-progress.js';
import { credentialsFor, registryOf, type RegistryCredentials } from '../sandbox/registry-credentials.js';
import { StepProblem, type StepContext, type StepResult } from '../step.js';
import { engineOf } from './docker-engine-of.js';
import { withTimeout } from './script-run.js';
import { StepConfig } from './step-config.js';

/** Credential helpers of the clouds, asked where Docker's configuration names none. */
const HELPERS: Record<string, string | undefined> = { aws_ecr: 'ecr-login', gcp: 'gcloud', azure: 'acr-env' };
const PROVIDERS = ['basic', 'aws_ecr', 'gcp', 'azure', 'digitalocean', 'none'] as const;
type Provider = (typeof PROVIDERS)[number];

export async function pushDockerImage(context: StepContext): Promise<StepResult> {
  const config = new StepConfig(context.job.spec.step.config);
  const engine = await engineOf(context);
  const image = config.text('image');
  const registry = config.optionalText('registry')?.replace(/\/+$/, '');
  const target = splitTag(registry === undefined ? image : `${registry}/${withoutRegistry(image)}`);
  const names = [target, ...(config.optionalTexts('also_as') ?? []).map((name) => otherName(name, target))];
  return withTimeout(config.seconds('timeout'), context.signal, async (signal) => {
    let digest: string | undefined;
    for (const name of names) {
      const credentials = await credentialsOf(context, config, {
        registry: registryOf(name.repository),
        own: registryOf(target.repository),
      });
      const own = await tagged(engine, image, name);
      try {
        const pushed = await push(context, engine, name, credentials, signal);
        digest ??= pushed;
      } finally {
        // Only the name that this step gave; the image stays.
        if (own) await imageNamed(engine, own).remove({ noprune: true });
      }
    }
    const reference = digest === undefined ? shown(target) : `${target.repository}@${digest}`;
    const tags = names.map(shown).join(',');
    return { exitCode: 0, outputs: { reference, tags, ...(digest && { digest }) }, artifacts: [] };
  });
}

interface Name {
  repository: string;
  tag: string;
}

function splitTag(image: string): Name {
  if (image.includes('@'))
    throw new StepProblem(`${image} names a digest: config.image must be a name with a tag to push`);
  const [, repository = image, tag = 'latest'] = /^(.+?)(?::([^:/]+))?$/.exec(image) ?? [];
  return { repository, tag };
}

/** A tag alone is one of the same repository. */
function otherName(name: string, { repository }: Name): Name {
  return /[/:]/.test(name) ? splitTag(name) : { repository, tag: name };
}

function withoutRegistry(image: string): string {
  const [first = '', ...rest] = image.split('/');
  return rest.length > 0 && registryOf(image) === first ? rest.join('/') : image;
}

function shown({ repository, tag }: Name): string {
  return `${repository}:${tag}`;
}

/** Gives the image the name; answers it where it did not have it before. */
async function tagged(engine: Docker, image: string, name: Name): Promise<string | undefined> {
  const source = await imageNamed(engine, image)
    .inspect()
    .catch((cause: Error) => {
      if (statusOf(cause) !== 404) throw cause;
      throw new StepProblem(
        `there is no image ${image} on the engine of this agent: build it by a step.docker_build that runs on the same ` +
          'agent before (labels or pool choose one)',
        { cause },
      );
    });
  if (source.RepoTags?.includes(shown(name))) return undefined;
  await imageNamed(engine, image).tag({ repo: name.repository, tag: name.tag });
  return shown(name);
}

/** `own`: the registry that the config's username and password are for; they are shown to no other. */
async function credentialsOf(
  { secrets }: StepContext,
  config: StepConfig,
  { registry, own }: { registry: string; own: string },
): Promise<RegistryCredentials | undefined> {
  const provider = config.oneOf<Provider>('auth_provider', PROVIDERS, 'basic');
  if (provider === 'none') return undefined;
  const [username, password] = [config.optionalText('username'), config.optionalText('password')];
  const given = provider === 'basic' && username !== undefined && password !== undefined;
  if (given && registry === own)
    return {
      username: secrets.resolve(username),
      password: secrets.resolve(password),
      serveraddress: registry,
    };
  const found = await credentialsFor(registry, HELPERS[provider]);
  if (found) return found;
  throw new StepProblem(
    `there are no credentials for ${registry}: ` +
      `${given ? `config.password is for ${own} alone: push there by a step of its own` : wayIn(provider)}, ` +
      'or log in there with docker login as the user of the agent',
  );
}

function wayIn(provider: Provider): string {
  return provider === 'basic'
    ? 'give config.username and config.password as references to secrets'
    : `set up ${provider}'s login for the user of the agent`;
}

/** Answers the digest, which the registry tells at the end. */
async function push(
  context: StepContext,
  engine: Docker,
  name: Name,
  credentials: RegistryCredentials | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  context.log('system', `pushing ${shown(name)}`);
  let digest: string | undefined;
  try {
    // Older engines want credentials even where there are none.
    const stream = await imageNamed(engine, name.repository).push({
      tag: name.tag,
      authconfig: credentials ?? {},
      abortSignal: signal,
    });
    await followEngine(stream, async (event) => {
      digest = event.aux?.Digest ?? digest;
      const line = statusLine(event);
      if (line !== undefined) context.log('stdout', context.masker.mask(line));
      await context.logRoom(signal);
    });
    return digest;
  } catch (cause) {
    signal.throwIfAborted();
    const { message } = cause as Error;
    throw new StepProblem(`${shown(name)} cannot be pushed: ${message}${remedyFor(message)}`, { cause });
  }
}

function remedyFor(message: string): string {
  if (/unauthori[sz]ed|authentication|denied|no basic auth/i.test(message))
    return ': check that user and password are right (config.username, config.password) and that they may push there';
  if (/dial tcp|no such host|timeout|timed out|connection refused|server gave HTTP response/i.test(message))
    return ': check config.registry, and that the engine of the agent reaches it';
  return '';
}
