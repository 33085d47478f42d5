/** What the agent's settings say of one secret: where it lies, and which steps may have it. */
import { parseReference, SecretReferenceError, type SecretReference } from './secret-reference.js';

export interface SecretRule {
  /** Left out: the value comes from the secrets file or from HYBRID_SECRET_<NAME>. */
  from?: SecretReference;
  /** Names of pipelines, `*` for any characters; all of them where it is left out. */
  pipelines?: string[];
  /** Branches and tags, likewise. */
  refs?: string[];
}

/** Whose step asks. */
export interface Asker {
  pipeline?: string;
  ref?: string;
  /** Its commits come from a fork. */
  untrusted?: boolean;
  /** Rejects with a StepProblem unless what is to run is on `ref`, as the repository has it. */
  proveRef?(): Promise<void>;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const PATTERN = /^[A-Za-z0-9_.*@+/-]{1,250}$/;

/** `{NAME: reference}` or `{NAME: {from, pipelines, refs}}`. Throws SecretReferenceError naming the secret. */
export function readSecretRules(given: Record<string, unknown>): Map<string, SecretRule> {
  return new Map(
    Object.entries(given).map(([name, value]) => {
      try {
        if (!NAME.test(name)) throw new SecretReferenceError('a name has letters, digits and _ only');
        return [name, typeof value === 'string' ? { from: parseReference(value) } : readRule(value)];
      } catch (cause) {
        if (!(cause instanceof SecretReferenceError)) throw cause;
        throw new SecretReferenceError(`${name}: ${cause.message}`);
      }
    }),
  );
}

function readRule(value: unknown): SecretRule {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new SecretReferenceError('it must be a reference, or a map of from, pipelines and refs');
  const { from, pipelines, refs, ...rest } = value as Record<string, unknown>;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined)
    throw new SecretReferenceError(`there is no ${unknown}, only from, pipelines and refs`);
  if (from !== undefined && typeof from !== 'string')
    throw new SecretReferenceError('from must be a reference');
  return {
    ...(from !== undefined && { from: parseReference(from) }),
    ...(pipelines !== undefined && { pipelines: patterns('pipelines', pipelines) }),
    ...(refs !== undefined && { refs: patterns('refs', refs) }),
  };
}

function patterns(name: string, value: unknown): string[] {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (list.length > 0 && list.every((one) => typeof one === 'string' && PATTERN.test(one)))
    return list as string[];
  throw new SecretReferenceError(
    `${name} must be a list of names, in which * stands for any characters; leave it out to allow all`,
  );
}

/** Why the step may not have it, by which rule; nothing where it may. */
export function refusal(rule: SecretRule, asker: Asker): string | undefined {
  const { pipelines, refs } = rule;
  if (asker.untrusted) return 'its commits come from a fork, and such steps get no secrets';
  if (pipelines && !matches(pipelines, asker.pipeline))
    return `its rule "pipelines" allows ${pipelines.join(', ')}, and this is ${asker.pipeline ?? 'a job without a pipeline'}`;
  if (refs && !matches(refs, asker.ref))
    return `its rule "refs" allows ${refs.join(', ')}, and this is ${asker.ref ?? 'a job without a branch or tag'}`;
  return undefined;
}

/** Each pattern by a single pass for every `*`, so that none takes long. */
function matches(allowed: string[], name: string | undefined): boolean {
  return name !== undefined && allowed.some((pattern) => fits(pattern, name));
}

function fits(pattern: string, name: string): boolean {
  const [first = '', ...others] = pattern.split('*');
  const last = others.pop();
  if (last === undefined) return pattern === name;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const part of others) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}
