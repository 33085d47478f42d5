import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { plainToInstance } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';
import { AnyObject, Flag, Nested, NestedList, OneOf, Real, Text, TextMap, Texts, Whole } from './fields.js';

class Inner {
  @Whole({ min: 0, max: 9 })
  n!: number;
}

class Sample {
  @Text('metadata', { optional: true, min: 2, max: 4, pattern: /^[a-z]+$/ })
  text?: string;

  @Whole({ optional: true, min: -1, max: 255 })
  whole?: number;

  @Real({ optional: true, min: 0, max: 100 })
  real?: number;

  @Flag({ optional: true })
  flag?: boolean;

  @OneOf(['a', 'b'], { optional: true })
  oneOf?: string;

  @Texts('metadata', { optional: true, max: 2, itemMax: 3 })
  texts?: string[];

  @Nested(() => Inner, { optional: true })
  nested?: Inner;

  @NestedList(() => Inner, { optional: true, max: 2 })
  list?: Inner[];

  @AnyObject('configuration', { optional: true, maxBytes: 30, maxDepth: 3 })
  any?: object;

  @TextMap('metadata', { optional: true, max: 2, itemMax: 3, total: 8 })
  map?: Record<string, string>;
}

class Required {
  @Text('metadata')
  text!: string;

  @Nested(() => Inner)
  nested!: Inner;
}

/** Paths of what is wrong, as the gateway checks a body. */
function wrong(type: new () => object, body: object): string[] {
  const paths = (error: ValidationError, prefix: string): string[] => [
    ...(error.constraints ? [prefix + error.property] : []),
    ...(error.children ?? []).flatMap((child) => paths(child, `${prefix}${error.property}.`)),
  ];
  const errors = validateSync(plainToInstance(type, body), { whitelist: true, forbidNonWhitelisted: true });
  return errors.flatMap((error) => paths(error, ''));
}

describe('a field', () => {
  it.each<[keyof Sample, unknown[], unknown[]]>([
    ['text', ['ab', 'abcd'], ['a', 'abcde', 'AB', '', 7, ['ab'], {}]],
    [
      'whole',
      [-1, 0, 255, '7', '-1'],
      [-2, 256, 1.5, NaN, '', ' ', '1.5', '1e1', '0x1', 'x', true, [], [7], {}],
    ],
    ['real', [0, 0.5, 100], [-0.1, 100.1, NaN, Infinity, '1', true, [1]]],
    ['flag', [true, false], ['true', 0, 1, '', []]],
    ['oneOf', ['a', 'b'], ['c', 'A', ['a'], 0]],
    ['texts', [[], ['abc'], ['a', 'b']], ['a', [''], ['abcd'], ['a', 'b', 'c'], [1], [null], {}]],
    ['nested', [{ n: 1 }], [{ n: 10 }, {}, { n: 1, more: 1 }, [{ n: 1 }], 'n', 1]],
    [
      'list',
      [[], [{ n: 1 }, { n: 2 }]],
      [
        { n: 1 },
        [{ n: 10 }],
        [{}],
        [{ n: 1, more: 1 }],
        [null],
        ['n'],
        [[{ n: 1 }]],
        [{ n: 1 }, { n: 1 }, { n: 1 }],
      ],
    ],
    [
      'any',
      [{}, { deep: { er: [1] } }, { a: 'é'.repeat(11) }],
      ['x', 1, [], true, { deep: { er: [[1]] } }, { a: 'é'.repeat(12) }],
    ],
    [
      'map',
      [{}, { a: 'abc', b: '' }],
      [{ a: 1 }, { a: null }, { a: 'abcd' }, { a: '', b: '', c: '' }, { abcdef: 'abc' }, { a: {} }, [], 'x'],
    ],
  ])('%s takes what it should and refuses the rest', (name, good, bad) => {
    for (const value of good) expect([value, wrong(Sample, { [name]: value })]).toEqual([value, []]);
    for (const value of bad) {
      const paths = wrong(Sample, { [name]: value });
      expect([value, paths.length > 0 && paths.every((path) => path.split('.')[0] === name)]).toEqual([
        value,
        true,
      ]);
    }
  });

  it('is refused when nobody knows it, at every depth, and named by its path', () => {
    expect(wrong(Sample, { other: 1 })).toEqual(['other']);
    expect(wrong(Sample, { nested: { n: 1, other: 1 } })).toEqual(['nested.other']);
    expect(wrong(Sample, { list: [{ n: 1 }, { n: 1, other: 1 }] })).toEqual(['list.1.other']);
  });

  it('may be left out only where that is said', () => {
    expect(wrong(Sample, {})).toEqual([]);
    expect(wrong(Required, {})).toEqual(['text', 'nested']);
    expect(wrong(Required, { text: null, nested: null })).toEqual(['text', 'nested']);
  });

  it('of whole numbers is a number afterwards, also from a query string', () => {
    expect(plainToInstance(Sample, { whole: '7' }).whole).toBe(7);
  });
});
