/** Credentials for registries where the agent's user keeps them: Docker's own configuration and its credential helpers. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ifMissing } from '../files/workspace-path.js';
import { DockerProblem } from './docker-engine.js';

/** As the engine takes them. */
export interface RegistryCredentials {
  username?: string;
  password?: string;
  identitytoken?: string;
  serveraddress: string;
}

interface DockerConfig {
  auths?: Record<string, { auth?: string; identitytoken?: string } | undefined>;
  credHelpers?: Record<string, string | undefined>;
  credsStore?: string;
}

/** Docker Hub, as Docker's configuration calls it. */
const HUB = 'https://index.docker.io/v1/';
/** Milliseconds for a helper, which may ask a cloud for a token. */
const HELPER_MS = 60_000;
/** What a helper says when it has none. */
const NONE_KEPT = /credentials not found/i;
/** Username of a secret that is an identity token. */
const TOKEN = '<token>';

/** Registry of an image's name: `host[:port]`, or Docker Hub's. */
export function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/');
  return rest.length > 0 && /[.:]|^localhost$/.test(first) ? first : HUB;
}

/**
 * What the configuration has for `registry`; where it has nothing, what the credential helper `otherwise` answers.
 * Nothing where nobody knows any. Throws DockerProblem where they are kept but cannot be read.
 */
export async function credentialsFor(
  registry: string,
  otherwise?: string,
): Promise<RegistryCredentials | undefined> {
  const config = await dockerConfig();
  const helper = config.credHelpers?.[registry] ?? config.credsStore;
  if (helper !== undefined) {
    const found = await askHelper(helper, registry);
    if (found) return found;
  }
  const kept = config.auths?.[registry] ?? config.auths?.[`https://${registry}`];
  if (kept?.identitytoken) return { identitytoken: kept.identitytoken, serveraddress: registry };
  if (kept?.auth) {
    const [username, ...password] = Buffer.from(kept.auth, 'base64').toString('utf8').split(':');
    return { username, password: password.join(':'), serveraddress: registry };
  }
  return otherwise === undefined ? undefined : askHelper(otherwise, registry);
}

async function dockerConfig(): Promise<DockerConfig> {
  const file = join(process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json');
  const text = await readFile(file, 'utf8').catch(ifMissing);
  if (text === undefined) return {};
  try {
    return JSON.parse(text) as DockerConfig;
  } catch {
    // The parser's message would hold a piece of the file.
    throw new DockerProblem(`${file} is not JSON: mend it, or remove it and log in to the registries anew`);
  }
}

/** By the protocol of `docker-credential-*`: the registry on stdin, JSON on stdout. What it prints is never shown. */
async function askHelper(name: string, registry: string): Promise<RegistryCredentials | undefined> {
  const program = `docker-credential-${name}`;
  const { code, output } = await new Promise<{ code: number | null; output: string }>((resolve, reject) => {
    const child = spawn(program, ['get'], {
      env: process.env,
      stdio: ['pipe', 'pipe', 'ignore'],
      // `timeout` would keep its timer where the program cannot be started.
      signal: AbortSignal.timeout(HELPER_MS),
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    child.once('error', reject);
    child.once('close', (exit) => resolve({ code: exit, output: text }));
    child.stdin.on('error', () => undefined).end(registry);
  }).catch((cause: Error) => {
    throw new DockerProblem(
      `credentials for ${registry} are asked from ${program}, which cannot be started (${cause.message}): ` +
        'install it on the machine of the agent, or log in with docker login as the user of the agent',
      { cause },
    );
  });
  if (code !== 0 && NONE_KEPT.test(output)) return undefined;
  if (code !== 0)
    throw new DockerProblem(
      `credentials for ${registry} cannot be had: ${program} ended with ${code ?? 'a signal'}; ` +
        `try "echo ${registry} | ${program} get" as the user of the agent`,
    );
  const { Username, Secret } = answerOf(output, program);
  return Username === TOKEN
    ? { identitytoken: Secret, serveraddress: registry }
    : { username: Username, password: Secret, serveraddress: registry };
}

function answerOf(output: string, program: string): { Username?: string; Secret?: string } {
  try {
    return JSON.parse(output) as { Username?: string; Secret?: string };
  } catch {
    // The parser's message would hold a piece of the secret.
    throw new DockerProblem(`${program} answers something else than JSON: is it a credential helper?`);
  }
}
