export {
  COULD_NOT_RUN,
  makeAttemptFolders,
  maskedLines,
  maskedResult,
  resultOf,
  stopAfter,
} from './attempt.js';
export { type CachePlace } from './caches/cache-place.js';
export {
  artifactObject,
  FILE_TYPE,
  packArtifact,
  TREE_TYPE,
  type ArtifactStore,
  type Downloaded,
  type Kept,
} from './files/artifact-store.js';
export { DataDirectory, DataDirectoryError } from './files/data-directory.js';
export { Masker } from './output/masking.js';
export { splitLine } from './output/output-lines.js';
export { type Progress } from './output/progress-file.js';
export { Backoff, pause } from './sandbox/backoff.js';
export { GRACE_MS, killAllGroups } from './sandbox/child-command.js';
export { chooseExecutor, ExecutorProblem, type ExecutorChoice } from './sandbox/choose-executor.js';
export { findEngine } from './sandbox/docker-engine.js';
export { DockerExecutor } from './sandbox/docker-executor.js';
export { type Executor } from './sandbox/executor.js';
export { ProcessExecutor } from './sandbox/process-executor.js';
export { identityOf, isAlive, signalReaches } from './sandbox/process-identity.js';
export { secretProviders } from './secrets/providers/providers.js';
export { readVaultSettings, VaultSettingsError } from './secrets/providers/vault-settings.js';
export { readSecretRules } from './secrets/secret-rule.js';
export { SecretStore } from './secrets/secret-store.js';
export { loadSecrets, SecretsFileError } from './secrets/secrets-file.js';
export { Secrets } from './secrets/secrets.js';
export { commitOnRef } from './source/commit-on-ref.js';
export {
  readCredentials,
  SourceSettingsError,
  type HostCredential,
  type SourceSettings,
} from './source/source-settings.js';
export { StepProblem, StepStopped, type StepResult, type StepContext } from './step.js';
export { runStep } from './run-step.js';
