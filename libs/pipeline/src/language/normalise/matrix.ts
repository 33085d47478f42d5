import { child, type SourceDocument } from '../document.js';
import { productOf } from '../expand.js';
import { MAX_MATRIX } from '../definition.js';
import { listOf, mapOf, scalarsOf, scalarText } from './raw.js';

type Combination = Record<string, string>;

export interface Matrix {
  matrix: Record<string, string[]>;
  combinations?: Combination[];
}

/** `combinations` are there where `include` or `exclude` is. */
export function matrixOf(document: SourceDocument, value: unknown, pointer: string): Matrix {
  const { include, exclude, ...lists } = mapOf(value);
  const matrix = Object.fromEntries(
    Object.entries(lists).map(([key, values]) => [
      key,
      listOf(values).map(
        (scalar, index) => scalarText(document, scalar, `${child(pointer, key)}/${index}`) ?? '',
      ),
    ]),
  );
  if (include === undefined && exclude === undefined) return { matrix };
  const read = (list: unknown, key: string): Combination[] =>
    listOf(list).map((item, index) => scalarsOf(document, item, `${pointer}/${key}/${index}`));
  return { matrix, combinations: combine(matrix, read(include, 'include'), read(exclude, 'exclude')) };
}

/**
 * GitHub's rules: `exclude` drops the combinations that have all its values; each `include` is added to the combinations
 * whose own values it does not change, or else is a combination by itself. One that lacks a value has an empty text for it.
 */
function combine(
  matrix: Record<string, string[]>,
  include: Combination[],
  exclude: Combination[],
): Combination[] {
  // A larger product is refused; it is not made.
  const size = Object.values(matrix).reduce((product, values) => product * values.length, 1);
  const product = Object.keys(matrix).length === 0 || size > MAX_MATRIX ? [] : productOf(matrix);
  const without = exclude.map((values) => Object.entries(values));
  const own = product.filter(
    (values) => !without.some((out) => out.every(([key, value]) => values[key] === value)),
  );
  const added = own.map((combination) => ({ ...combination }));
  const alone: Combination[] = [];
  for (const values of include) {
    const entries = Object.entries(values);
    const targets = added.filter((_, index) => agrees(entries, own[index]!));
    if (targets.length === 0) alone.push({ ...values });
    for (const target of targets) Object.assign(target, values);
  }
  const all = [...added, ...alone];
  const names = [...new Set([...Object.keys(matrix), ...all.flatMap((values) => Object.keys(values))])];
  return all.map((values) => Object.fromEntries(names.map((name) => [name, values[name] ?? ''])));
}

/** Whether adding them would change none of the combination's own values. */
function agrees(values: [string, string][], own: Combination): boolean {
  return values.every(([key, value]) => !Object.hasOwn(own, key) || own[key] === value);
}
