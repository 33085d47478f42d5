/** The agent's identity: earned once with a join token, then kept in the data directory, and rotated. */
import type { RegisterAgent, RegisteredAgent } from '@hybrid/contracts';
import { readAgentCredential } from '@hybrid/signatures';
import { isDeepStrictEqual } from 'node:util';
import { randomUUID } from 'node:crypto';
import type { DataDirectory } from './data-directory.js';
import { GatewayRefusal, type GatewayClient } from './gateway-client.js';

const CREDENTIAL = 'credential.json';
/** Written before the request, so that a repeat after a crash is the same registration. */
const REQUEST_KEY = 'registration-key';

/** What an agent is trusted with: with other settings of these it is another agent. */
type Claimable = Pick<RegisterAgent, 'pool' | 'labels' | 'capabilities'>;

export interface Credential extends Pick<RegisteredAgent, 'agent_id' | 'credential'> {
  /** With which it registered. */
  registered: Claimable;
}

export class RegistrationError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RegistrationError';
  }
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

/** Whether the agent may do what its settings say now by the credential that it has. */
export function fits({ registered }: Credential, settings: Claimable): boolean {
  return isDeepStrictEqual(registered, claimable(settings));
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
  gateway.token = joinToken;
  try {
    const registered = await gateway.insist<RegisteredAgent>({
      method: 'POST',
      path: '/api/agents/register',
      json: agent,
      headers: { 'idempotency-key': key },
      signal,
    });
    const credential = await keepCredential(data, registered, agent);
    await data.remove(REQUEST_KEY);
    return credential;
  } catch (cause) {
    if (!(cause instanceof GatewayRefusal)) throw cause;
    await data.remove(REQUEST_KEY);
    const remedy =
      cause.status === 401 || cause.status === 403
        ? 'get a join token that is valid'
        : 'correct the settings of the agent';
    throw new RegistrationError(`the registration was refused (${cause.code}: ${cause.detail}): ${remedy}`, {
      cause,
    });
  }
}

/** Forgets a credential that the gateway no longer knows. */
export async function forgetCredential(data: DataDirectory): Promise<void> {
  await data.remove(CREDENTIAL);
}
