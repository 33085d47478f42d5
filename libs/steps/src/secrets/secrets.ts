/** The secrets that a step is given, by reference. */
import { StepProblem } from '../step.js';

const REFERENCE = /\{\{\s*\.Secrets\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g;
export const VARIABLE = 'HYBRID_SECRET_';

export class Secrets {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }

  /** All values, for masking. */
  values(): string[] {
    return [...this.#values.values()];
  }

  entries(): ReadonlyMap<string, string> {
    return this.#values;
  }

  /** Puts values in the place of references: for environment variables only. Throws StepProblem for an unknown name. */
  resolve(text: string): string {
    return text.replace(REFERENCE, (_, name: string) => this.#value(name));
  }

  /**
   * Puts shell variables in the place of references, so that a value stands in no script and no argument list.
   * Answers the command and the variables it needs. Throws StepProblem for an unknown name.
   */
  resolveInCommand(command: string): { command: string; env: Record<string, string> } {
    const env: Record<string, string> = {};
    const replaced = command.replace(REFERENCE, (_, name: string) => {
      env[VARIABLE + name] = this.#value(name);
      return `\${${VARIABLE}${name}}`;
    });
    return { command: replaced, env };
  }

  #value(name: string): string {
    const value = this.#values.get(name);
    if (value === undefined) throw unknownSecret(name);
    return value;
  }
}

/** Names in every text of `value`, an object as it came from JSON. */
export function secretNames(value: unknown): string[] {
  const found = JSON.stringify(value).matchAll(REFERENCE);
  return [...new Set(Array.from(found, ([, name = '']) => name))];
}

export function unknownSecret(name: string): StepProblem {
  return new StepProblem(
    `the secret ${name} is not known to this agent: add it to secrets in its settings file, the line ${name}=… to its ` +
      `--secrets-file, or set ${VARIABLE}${name} in the agent's environment, and start the agent again`,
  );
}
