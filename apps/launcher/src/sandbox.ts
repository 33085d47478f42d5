/** Where steps will run: in containers only if the engine has, or can fetch, the image of steps that name none. */
import { request } from 'node:http';

export interface Sandbox {
  /** What the agent is told: HYBRID_EXECUTOR. */
  executor: 'auto' | 'docker' | 'process';
  image: string;
  /** Why steps do not run in containers, where nobody chose that. */
  note?: string;
}

const DEFAULT_IMAGE = 'node:20-slim';
/** An engine that cannot reach its registry may be silent for long; one that pulls says something all the time. */
const SILENCE_MS = 20_000;
const PING_MS = 2_000;

/** Asks the engine of this machine; one that DOCKER_HOST names elsewhere is left to the agent. Never throws. */
export async function chooseSandbox(env: NodeJS.ProcessEnv, say: (text: string) => void): Promise<Sandbox> {
  const image = env['HYBRID_DEFAULT_IMAGE'] || DEFAULT_IMAGE;
  const chosen = env['HYBRID_EXECUTOR'];
  if (chosen === 'docker' || chosen === 'process') return { executor: chosen, image };
  const host = env['DOCKER_HOST'] || 'unix:///var/run/docker.sock';
  if (!host.startsWith('unix://')) return { executor: 'auto', image };
  const socketPath = host.slice('unix://'.length);
  try {
    await ask(socketPath, 'GET', '/_ping', PING_MS);
  } catch {
    return { executor: 'process', image, note: 'no Docker engine answers' };
  }
  try {
    if ((await ask(socketPath, 'GET', `/images/${encodeURIComponent(image)}/json`, PING_MS)).status === 200) {
      return { executor: 'docker', image };
    }
    say(`fetching the container image ${image} for steps that name none`);
    await pull(socketPath, image);
    return { executor: 'docker', image };
  } catch (error) {
    const note = `Docker answers but the image ${image} cannot be had (${(error as Error).message}); HYBRID_DEFAULT_IMAGE may name another`;
    return { executor: 'process', image, note };
  }
}

async function pull(socketPath: string, image: string): Promise<void> {
  const named = /[:@][^/]+$/.test(image) ? image : `${image}:latest`;
  const { status, body } = await ask(
    socketPath,
    'POST',
    `/images/create?fromImage=${encodeURIComponent(named)}`,
    SILENCE_MS,
  );
  if (status !== 200) throw new Error(messageOf(body) ?? `the engine answered ${status}`);
  // A failed pull is answered like a good one; the failure stands in the last of its lines.
  const failure = messageOf(body.trim().split('\n').at(-1) ?? '', 'error');
  if (failure !== undefined) throw new Error(failure);
}

function messageOf(json: string, key = 'message'): string | undefined {
  try {
    const text = (JSON.parse(json) as Record<string, unknown>)[key];
    return typeof text === 'string' ? text : undefined;
  } catch {
    return undefined;
  }
}

/** Rejects after `silenceMs` without a byte. Keeps the end of the answer only: progress of a pull is long. */
function ask(
  socketPath: string,
  method: string,
  path: string,
  silenceMs: number,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, headers: { host: 'docker' } }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body = (body + text).slice(-64 * 1024)));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    call.setTimeout(silenceMs, () => call.destroy(new Error(`no answer for ${silenceMs / 1000} s`)));
    call.on('error', reject);
    call.end();
  });
}
