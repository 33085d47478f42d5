/** What an agent keeps on its disk: which agent it is, and the key that it signs with. */
export interface AgentCredential {
  agentId: string;
  /** Of its key; counts from 1, with each rotation. */
  version: number;
  /** 32 bytes. */
  key: Buffer;
}

const CREDENTIAL =
  /^hya_([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})_([1-9]\d{0,5})_([\w-]{43})$/;

/** `hya_<agent_id>_<version>_<the key, 43 characters of base64url>` */
export function agentCredential({ agentId, version, key }: AgentCredential): string {
  return `hya_${agentId}_${version}_${key.toString('base64url')}`;
}

/** Null for anything else. */
export function readAgentCredential(text: string): AgentCredential | null {
  const [, agentId, version, key] = CREDENTIAL.exec(text) ?? [];
  if (!agentId || !key) return null;
  return { agentId, version: Number(version), key: Buffer.from(key, 'base64url') };
}
