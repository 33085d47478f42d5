import type { Definition, InputValue } from './definition.js';
import { didYouMean } from './nearest.js';

/** Longest text input: it travels in the run's first event. */
const MAX_LENGTH = 4000;

/** Checks what a run was given against what the pipeline declares, and fills in the defaults. Every error at once. */
export function resolveInputs(
  declared: Definition['inputs'],
  given: Record<string, unknown>,
): { inputs: Record<string, InputValue> } | { errors: string[] } {
  const inputs: Record<string, InputValue> = {};
  const errors: string[] = [];
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(declared, name)) continue;
    errors.push(
      `the pipeline has no input \`${name.slice(0, 60)}\`${didYouMean(name, Object.keys(declared))}`,
    );
  }
  for (const [name, { type, required, default: fallback }] of Object.entries(declared)) {
    const value = Object.hasOwn(given, name) ? given[name] : fallback;
    if (value === undefined || value === null) {
      if (required) errors.push(`the input \`${name}\` is required`);
    } else if (!isOfType(value, type)) {
      errors.push(`the input \`${name}\` must be a ${type}`);
    } else if (typeof value === 'string' && value.length > MAX_LENGTH) {
      errors.push(`the input \`${name}\` must have at most ${MAX_LENGTH} characters`);
    } else {
      inputs[name] = value;
    }
  }
  return errors.length > 0 ? { errors } : { inputs };
}

export function isOfType(value: unknown, type: 'string' | 'number' | 'boolean'): value is InputValue {
  return typeof value === type && (typeof value !== 'number' || Number.isFinite(value));
}

/** Texts as what the pipeline declares; those that are no such value stay texts, and are refused as such. */
export function inputsOfTexts(
  declared: Definition['inputs'],
  texts: Record<string, string>,
): Record<string, InputValue> {
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]): [string, InputValue] => {
      const type = Object.hasOwn(declared, name) ? declared[name]!.type : 'string';
      if (type === 'boolean' && (text === 'true' || text === 'false')) return [name, text === 'true'];
      if (type === 'number' && text.trim() !== '' && Number.isFinite(Number(text)))
        return [name, Number(text)];
      return [name, text];
    }),
  );
}
