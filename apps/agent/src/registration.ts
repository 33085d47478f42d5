/**
 * The agent's identity, kept in the data directory: earned once with a join token and then rotated, or earned again and
 * again with the tokens of its platform.
 */
import { UNTRUSTED_JOBS, type RegisterAgent, type RegisteredAgent } from '@hybrid/contracts';
import { readAgentCredential } from '@hybrid/signatures';
import type { DataDirectory } from '@hybrid/steps';
import { isDeepStrictEqual } from 'node:util';
import { randomUUID } from 'node:crypto';
import { GatewayRefusal, type GatewayClient } from './gateway-client.js';
import type { WorkloadIdentity } from './workload-identity.js';

const CREDENTIAL = 'credential.json';
/** Written before the request, so that a repeat after a crash is the same registration. */
const REQUEST_KEY = 'registration-key';
/** Of a workload: kept, since the same request with the same key makes it the same agent again. */
const WORKLOAD_REQUEST = 'workload-registration.json';
/** Under its key there is no such agent, or not any more: with another key there is one. */
const NEEDS_ANOTHER_KEY = ['agent_deregistered', 'idempotency_key_reused'];

/** What an agent is trusted with: with other settings of these it is another agent. */
type Claimable = Pick<RegisterAgent, 'pool' | 'labels' | 'capabilities'>;

export interface Credential extends Pick<RegisteredAgent, 'agent_id' | 'credential'> {
  /** With which it registered. */
  registered: Claimable;
}

interface WorkloadRequest {
  /** Idempotency-Key. */
  key: string;
  agent: RegisterAgent;
}

export class RegistrationError extends Error {
  override readonly name = 'RegistrationError';
}

/**
 * The stored credential; nothing where there is none, or one that no gateway takes any more. Throws RegistrationError when
 * the file is damaged.
 */
export async function storedCredential(data: DataDirectory): Promise<Credential | undefined> {
  const text = await data.read(CREDENTIAL);
  if (text === undefined) return undefined;
  try {
    const { agent_id, credential, registered = {} } = JSON.parse(text) as Partial<Credential>;
    if (typeof agent_id !== 'string' || typeof credential !== 'string')
      throw new Error('agent_id or credential is missing');
    // Agents of before had a token that was sent with each request.
    return readAgentCredential(credential) ? { agent_id, credential, registered } : undefined;
  } catch (cause) {
    throw new RegistrationError(
      `${data.path}/${CREDENTIAL} is damaged: remove it and start the agent with a join token`,
      { cause },
    );
  }
}

/**
 * Whether the agent may do what its settings say now by the credential that it has. One that registered before its
 * version knew jobs of forks stays who it is, and claims what it registered with.
 */
export function fits({ registered }: Credential, settings: Claimable): boolean {
  const { capabilities = [], ...rest } = registered;
  return (
    isDeepStrictEqual(registered, claimable(settings)) ||
    isDeepStrictEqual(
      claimable({ ...rest, capabilities: [...capabilities, UNTRUSTED_JOBS] }),
      claimable(settings),
    )
  );
}

/** Puts the credential in the place of the one before, whole or not at all; answers what is kept. */
export async function keepCredential(
  data: DataDirectory,
  { agent_id, credential }: Pick<RegisteredAgent, 'agent_id' | 'credential'>,
  settings: Claimable,
): Promise<Credential> {
  const kept = { agent_id, credential, registered: claimable(settings) };
  await data.write(CREDENTIAL, JSON.stringify(kept));
  return kept;
}

function claimable({ pool, labels, capabilities }: Claimable): Claimable {
  return { pool, labels, capabilities: capabilities?.toSorted() };
}

/** Registers until the gateway answers, and stores the credential. Throws RegistrationError when it is refused. */
export async function register(
  gateway: GatewayClient,
  data: DataDirectory,
  joinToken: string | undefined,
  agent: RegisterAgent,
  signal: AbortSignal,
): Promise<Credential> {
  if (!joinToken) {
    throw new RegistrationError(
      'this agent is not registered and has no join token: give it one with --join-token-file or HYBRID_JOIN_TOKEN',
    );
  }
  const key = (await data.read(REQUEST_KEY)) ?? randomUUID();
  await data.write(REQUEST_KEY, key);
  try {
    const registered = await gateway.insist<RegisteredAgent>({
      method: 'POST',
      path: '/api/agents/register',
      json: agent,
      headers: { 'idempotency-key': key },
      bearer: joinToken,
      signal,
    });
    const credential = await keepCredential(data, registered, agent);
    await data.remove(REQUEST_KEY);
    return credential;
  } catch (cause) {
    if (!(cause instanceof GatewayRefusal)) throw cause;
    await data.remove(REQUEST_KEY);
    throw registrationRefused(cause, 'get a join token that is valid');
  }
}

/**
 * Registers by the platform's token until the gateway answers, as the agent that it was before where that can be, and
 * stores the credential. Throws RegistrationError when the token cannot be had, or token or registration are refused.
 */
export async function registerWorkload(
  gateway: GatewayClient,
  data: DataDirectory,
  workload: WorkloadIdentity,
  wanted: RegisterAgent & { pool: string },
  signal: AbortSignal,
): Promise<Credential & Pick<RegisteredAgent, 'expires_at'>> {
  for (let anew = false; ; anew = true) {
    const { key, agent } = await workloadRequest(data, wanted, anew);
    try {
      // Each try with a new token: they hold for minutes, and the gateway may be away for longer.
      const registered = await gateway.retry(
        async () =>
          gateway.call<RegisteredAgent>({
            method: 'POST',
            path: '/api/agents/register',
            json: agent,
            headers: { 'idempotency-key': key },
            bearer: await workload.joiningToken(wanted.pool, signal),
            signal,
          }),
        signal,
      );
      const credential = await keepCredential(data, registered, agent);
      return { ...credential, expires_at: registered.expires_at };
    } catch (cause) {
      if (!(cause instanceof GatewayRefusal)) throw cause;
      if (!anew && NEEDS_ANOTHER_KEY.includes(cause.code)) continue;
      throw registrationRefused(cause, 'ask whoever looks after the trust rules');
    }
  }
}

/** As it was sent before, letter for letter, as long as it fits; on disk before it is sent. */
async function workloadRequest(
  data: DataDirectory,
  agent: RegisterAgent,
  anew: boolean,
): Promise<WorkloadRequest> {
  const before = anew ? undefined : workloadRequestOf(await data.read(WORKLOAD_REQUEST));
  if (before && isDeepStrictEqual(claimable(before.agent), claimable(agent))) return before;
  const request: WorkloadRequest = { key: randomUUID(), agent };
  await data.write(WORKLOAD_REQUEST, JSON.stringify(request));
  return request;
}

/** A damaged one is none: it becomes another agent then. */
function workloadRequestOf(text = ''): WorkloadRequest | undefined {
  try {
    return JSON.parse(text) as WorkloadRequest;
  } catch {
    return undefined;
  }
}

function registrationRefused(cause: GatewayRefusal, whoCalls: string): RegistrationError {
  const { status, code, detail } = cause;
  const remedy = status === 401 || status === 403 ? whoCalls : 'correct the settings of the agent';
  return new RegistrationError(`the registration was refused (${code}: ${detail}): ${remedy}`, { cause });
}

/** Forgets a credential that the gateway no longer knows. */
export async function forgetCredential(data: DataDirectory): Promise<void> {
  await data.remove(CREDENTIAL);
}
