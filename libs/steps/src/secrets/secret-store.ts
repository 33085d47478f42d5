/** All secrets of an agent: known by name, had from where they lie when a step needs them, kept in memory for a minute. */
import { abortable } from '../abortable.js';
import { pause } from '../sandbox/backoff.js';
import { StepProblem } from '../step.js';
import { SecretProblem } from './secret-problem.js';
import type { SecretReference } from './secret-reference.js';
import { refusal, type Asker, type SecretRule } from './secret-rule.js';
import { secretNames, Secrets, unknownSecret } from './secrets.js';

/** Milliseconds that a value is kept: the steps of a run ask once, a new value is seen soon. */
const KEPT_MS = 60_000;
/** Milliseconds for one try. */
const TRY_MS = 15_000;
/** Milliseconds before the second and the third try. */
const PAUSES_MS = [500, 2_000];

/** Reads one kind of reference. Throws SecretProblem; the signal ends it. */
export type SecretProvider = (reference: SecretReference, signal: AbortSignal) => Promise<string>;
export type SecretProviders = Record<SecretReference['kind'], SecretProvider>;

export interface SecretStoreOptions {
  /** Values that were given to the agent itself: of its secrets file and environment. */
  given: Secrets;
  rules: ReadonlyMap<string, SecretRule>;
  providers: SecretProviders;
  /** Hears every value before anybody else does, to mask it. */
  onValue(value: string): void;
}

export class SecretStore {
  /** By reference: the same one under two names is asked for once. */
  readonly #kept = new Map<string, { value: Promise<string>; until: number }>();

  constructor(private readonly options: SecretStoreOptions) {
    for (const value of options.given.values()) options.onValue(value);
  }

  names(): string[] {
    return [...new Set([...this.options.rules.keys(), ...this.options.given.entries().keys()])];
  }

  /**
   * What `spec` names and no more. Throws StepProblem naming the secret, and the rule that keeps it from this step, or why
   * it cannot be had.
   */
  async forStep(spec: unknown, asker: Asker, signal: AbortSignal): Promise<Secrets> {
    const names = secretNames(spec);
    for (const name of names) {
      const refused = refusal(this.options.rules.get(name) ?? {}, asker);
      if (refused !== undefined) throw notFor(name, refused, asker);
    }
    const bound = names.find((name) => this.options.rules.get(name)?.refs);
    if (bound !== undefined) await proven(bound, asker);
    const found = names.map(async (name): Promise<[string, string]> => [name, await this.get(name, signal)]);
    return new Secrets(new Map(await Promise.all(found)));
  }

  /** For the agent itself: rules are for steps. Throws StepProblem. */
  async get(name: string, signal: AbortSignal): Promise<string> {
    const from = this.options.rules.get(name)?.from;
    if (from === undefined) {
      const value = this.options.given.entries().get(name);
      if (value === undefined) throw unknownSecret(name);
      return value;
    }
    try {
      return await this.#keep(from, signal);
    } catch (cause) {
      signal.throwIfAborted();
      throw new StepProblem(
        `the secret ${name} cannot be had from ${from.text}: ${(cause as Error).message}`,
        { cause },
      );
    }
  }

  async #keep(reference: SecretReference, signal: AbortSignal): Promise<string> {
    const kept = this.#kept.get(reference.text);
    if (kept && performance.now() < kept.until) return abortable(kept.value, signal);
    // Several steps may wait for it: none of them may end it for the others.
    const value = this.#read(reference);
    const entry = { value, until: performance.now() + KEPT_MS };
    this.#kept.set(reference.text, entry);
    value.catch(() => {
      if (this.#kept.get(reference.text) === entry) this.#kept.delete(reference.text);
    });
    return abortable(value, signal);
  }

  async #read(reference: SecretReference): Promise<string> {
    for (const pauseMs of [...PAUSES_MS, undefined]) {
      try {
        const value = await this.#tryOnce(reference);
        if (value === '') throw new SecretProblem('it is empty', false);
        this.options.onValue(value);
        return value;
      } catch (error) {
        if (!(error instanceof SecretProblem) || !error.passing || pauseMs === undefined) throw error;
        await pause(pauseMs);
      }
    }
    throw new Error('not reached');
  }

  async #tryOnce(reference: SecretReference): Promise<string> {
    const late = AbortSignal.timeout(TRY_MS);
    try {
      return await abortable(this.options.providers[reference.kind](reference, late), late);
    } catch (error) {
      if (late.aborted) throw new SecretProblem(`no answer for ${TRY_MS / 1000} s`, true);
      if (error instanceof SecretProblem) throw error;
      throw new SecretProblem((error as Error).message, true, { cause: error });
    }
  }
}

/** The name of a branch is only a word until the repository says so. */
async function proven(name: string, asker: Asker): Promise<void> {
  if (!asker.proveRef) throw notFor(name, 'nobody can tell what its branch holds', asker);
  await asker.proveRef().catch((cause: unknown) => {
    if (!(cause instanceof StepProblem)) throw cause;
    throw notFor(name, `its rule "refs" asks for the branch, and ${cause.message}`, asker, { cause });
  });
}

function notFor(name: string, why: string, { untrusted }: Asker, options?: ErrorOptions): StepProblem {
  const where = untrusted ? '' : " (secrets in the agent's settings)";
  return new StepProblem(`the secret ${name} is not for this step: ${why}${where}`, options);
}
