/** Runs git for the agent: with its own configuration and nothing of a repository's, no hooks, no questions. */
import { startGroup, endGroup } from '../sandbox/child-command.js';

export class GitMissing extends Error {
  constructor(options: ErrorOptions) {
    super('git cannot be started: install git on the machine of the agent', options);
    this.name = 'GitMissing';
  }
}

/** What would have git start a program that a repository, and not the agent's owner, chose. */
const NOTHING_RUNS = ['core.hooksPath=/dev/null', 'core.fsmonitor=false', 'safe.bareRepository=explicit'];

export interface GitOptions {
  /** Path of the configuration that stands for ~/.gitconfig. */
  config: string;
  env?: Record<string, string>;
  signal: AbortSignal;
}

export class Git {
  constructor(private readonly options: GitOptions) {}

  get signal(): AbortSignal {
    return this.options.signal;
  }

  /** Its output. Throws GitMissing, an Error with the end of what git says, or the signal's reason. */
  async run(cwd: string, args: string[], more: Record<string, string> = {}): Promise<string> {
    const { signal } = this.options;
    signal.throwIfAborted();
    const { child, ended } = startGroup('git', [...NOTHING_RUNS.flatMap((one) => ['-c', one]), ...args], {
      cwd,
      env: { ...this.#env(), ...more },
    });
    const end = (): void => {
      if (child.pid !== undefined) void endGroup(child.pid);
    };
    signal.addEventListener('abort', end, { once: true });
    let out = '';
    let errors = '';
    child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-2000)));
    try {
      const closed = new Promise((resolve) => child.once('close', resolve));
      const code = await ended.catch((cause: Error) => {
        throw new GitMissing({ cause });
      });
      await closed;
      signal.throwIfAborted();
      if (code !== 0) throw new Error(errors.trim() || `git ended with ${code}`);
      return out;
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  /** The agent's own environment (git may need its proxies and keys), without what is the agent's alone. */
  #env(): NodeJS.ProcessEnv {
    const own = Object.entries(process.env).filter(
      ([name]) => !name.startsWith('HYBRID_') && !name.startsWith('GIT_') && !name.startsWith('VAULT_'),
    );
    return {
      ...Object.fromEntries(own),
      GIT_TERMINAL_PROMPT: '0',
      GIT_ALLOW_PROTOCOL: 'file:git:http:https:ssh',
      // Large files are had by `git lfs pull`, all at once.
      GIT_LFS_SKIP_SMUDGE: '1',
      // The only configuration that also reaches the other end of a local clone.
      GIT_CONFIG_GLOBAL: this.options.config,
      ...this.options.env,
    };
  }
}
