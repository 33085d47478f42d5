import { child } from '../document.js';
import { isOfType } from '../inputs.js';
import { didYouMean } from '../nearest.js';
import { mapOf, type RawMap } from '../normalise/raw.js';
import { inputsOf } from '../normalise/triggers.js';
import type { Given } from './rewrite.js';
import type { Origin } from './splice.js';

/** What `with` gives a template, and its defaults. What does not fit is reported at the place of `with`. */
export function inputsFor(
  declared: unknown,
  written: RawMap,
  { part, pointer }: Origin,
  report: (at: Origin, message: string) => void,
): Map<string, Given> {
  const inputs = inputsOf(declared);
  const given = mapOf(written.with);
  const at = (key: string): Origin => ({ part, pointer: child(`${pointer}/with`, key) });
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(inputs, name)) continue;
    const known = Object.keys(inputs);
    const remedy =
      didYouMean(name, known) || (known.length > 0 ? `; it has ${known.join(', ')}` : '; it has none');
    report(at(name), `the template has no input \`${name}\`${remedy}`);
  }
  return new Map(
    Object.entries(inputs).map(([name, { type, required, default: fallback }]): [string, Given] => {
      const value = given[name];
      if (value === undefined || value === null) {
        if (required)
          report({ part, pointer }, `the template wants \`${name}\`: write \`with: {${name}: …}\``);
        return [name, { value: fallback ?? '', text: String(fallback ?? '') }];
      }
      if (typeof value === 'object' || !isScalar(value)) {
        report(at(name), `must be a text, a number, true or false`);
        return [name, { value: '', text: '' }];
      }
      const text =
        typeof value === 'string' ? value : (part.document.textOf(at(name).pointer) ?? String(value));
      if (type === 'string') return [name, { value: text, text }];
      // What a template comes to is known only in the run.
      const later = typeof value === 'string' && value.includes('{{');
      if (!later && !isOfType(value, type)) report(at(name), `must be a ${type}`);
      return [name, { value, text }];
    }),
  );
}

function isScalar(value: unknown): value is string | number | boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}
