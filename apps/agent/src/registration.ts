/** The agent's identity: earned once with a join token, then kept in the data directory. */
import type { RegisterAgent, RegisteredAgent } from '@hybrid/contracts';
import { randomUUID } from 'node:crypto';
import type { DataDirectory } from './data-directory.js';
import { GatewayRefusal, type GatewayClient } from './gateway-client.js';

const CREDENTIAL = 'credential.json';
/** Written before the request, so that a repeat after a crash is the same registration. */
const REQUEST_KEY = 'registration-key';

export type Credential = Pick<RegisteredAgent, 'agent_id' | 'credential'>;

export class RegistrationError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RegistrationError';
  }
}

/** The stored credential, or nothing. Throws RegistrationError when the file is damaged. */
export async function storedCredential(data: DataDirectory): Promise<Credential | undefined> {
  const text = await data.read(CREDENTIAL);
  if (text === undefined) return undefined;
  try {
    const { agent_id, credential } = JSON.parse(text) as Partial<Credential>;
    if (typeof agent_id === 'string' && typeof credential === 'string') return { agent_id, credential };
    throw new Error('agent_id or credential is missing');
  } catch (cause) {
    throw new RegistrationError(
      `${data.path}/${CREDENTIAL} is damaged: remove it and start the agent with a join token`,
      { cause },
    );
  }
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
    const { agent_id, credential } = await gateway.insist<RegisteredAgent>({
      method: 'POST',
      path: '/api/agents/register',
      json: agent,
      headers: { 'idempotency-key': key },
      signal,
    });
    await data.write(CREDENTIAL, JSON.stringify({ agent_id, credential }));
    await data.remove(REQUEST_KEY);
    return { agent_id, credential };
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
