export { agentCredential, readAgentCredential, type AgentCredential } from './agent-credential.js';
export { contentDigest, contentDigestOf } from './content-digest.js';
export { isSignedWith, readSignature, signRequest, type SignatureHeaders } from './request-signature.js';
