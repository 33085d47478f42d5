/**
 * One decorator per kind of field: validation, OpenAPI and what the field may hold in one place. Whatever can hold a text
 * says its class; a number, a flag or a word of a fixed list has no room for anything but metadata.
 */
import { applyDecorators } from '@nestjs/common';
import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNumber,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  Min,
  Validate,
  ValidateNested,
  ValidatorConstraint,
  type ValidationArguments,
  type ValidatorConstraintInterface,
} from 'class-validator';
import { described, type FieldClass, type FieldNote } from './field-classes.js';

interface FieldOptions {
  optional?: boolean;
  description?: string;
  example?: unknown;
}

interface Kind {
  class: FieldNote['class'];
  bounds: string;
  of?: FieldNote['of'];
  api: ApiPropertyOptions;
}

function field(options: FieldOptions, kind: Kind, ...rules: PropertyDecorator[]): PropertyDecorator {
  const { optional = false, description, example } = options;
  const { class: fieldClass, bounds, of, api } = kind;
  const note: FieldNote = { class: fieldClass, bounds, of, optional, description };
  const more = { required: !optional, description, example, ...(fieldClass && { 'x-class': fieldClass }) };
  return applyDecorators(
    ApiProperty({ ...api, ...more } as ApiPropertyOptions),
    described(note),
    ...(optional ? [IsOptional()] : []),
    ...rules,
  );
}

export function Text(
  fieldClass: FieldClass,
  options: FieldOptions & { min?: number; max?: number; pattern?: RegExp } = {},
): PropertyDecorator {
  const { min = 1, max = 500, pattern } = options;
  const api = { type: String, minLength: min, maxLength: max, pattern: pattern?.source };
  return field(
    options,
    { class: fieldClass, bounds: `text, ${upTo(max, 'character')}${pattern ? `, \`${pattern}\`` : ''}`, api },
    IsString(),
    Length(min, max),
    ...(pattern ? [Matches(pattern)] : []),
  );
}

export function Whole(options: FieldOptions & { min: number; max: number }): PropertyDecorator {
  const { min, max } = options;
  const api: ApiPropertyOptions = { type: 'integer', minimum: min, maximum: max };
  return field(
    options,
    { class: 'metadata', bounds: `whole number, ${between(min, max)}`, api },
    Transform(({ value }) => fromDigits(value)),
    IsInt(),
    Min(min),
    Max(max),
  );
}

/** Query strings have only texts. Everything else stays what it is: an empty text is no 0, a list of one is no number. */
function fromDigits(value: unknown): unknown {
  return typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
}

export function Real(options: FieldOptions & { min: number; max: number }): PropertyDecorator {
  const { min, max } = options;
  return field(
    options,
    {
      class: 'metadata',
      bounds: `number, ${between(min, max)}`,
      api: { type: Number, minimum: min, maximum: max },
    },
    IsNumber(),
    Min(min),
    Max(max),
  );
}

export function Flag(options: FieldOptions = {}): PropertyDecorator {
  return field(options, { class: 'metadata', bounds: 'true or false', api: { type: Boolean } }, IsBoolean());
}

export function OneOf(values: readonly string[], options: FieldOptions = {}): PropertyDecorator {
  const bounds = `one of ${values.join(', ')}`;
  return field(
    options,
    { class: 'metadata', bounds, api: { type: String, enum: [...values] } },
    IsIn(values),
  );
}

export function Texts(
  fieldClass: FieldClass,
  options: FieldOptions & { max?: number; itemMax?: number } = {},
): PropertyDecorator {
  const { max = 100, itemMax = 200 } = options;
  const bounds = `${upTo(max, 'text')}, each ${upTo(itemMax, 'character')}`;
  return field(
    options,
    { class: fieldClass, bounds, api: { type: [String], maxItems: max } },
    IsArray(),
    ArrayMaxSize(max),
    IsString({ each: true }),
    Length(1, itemMax, { each: true }),
  );
}

export function Wholes(
  options: FieldOptions & { min: number; max: number; maxItems: number },
): PropertyDecorator {
  const { min, max, maxItems } = options;
  return field(
    options,
    {
      class: 'metadata',
      bounds: `${upTo(maxItems, 'whole number')}, each ${between(min, max)}`,
      api: { type: 'array', items: { type: 'integer', minimum: min, maximum: max }, maxItems },
    },
    IsArray(),
    ArrayMaxSize(maxItems),
    IsInt({ each: true }),
    Min(min, { each: true }),
    Max(max, { each: true }),
  );
}

export function Nested(type: () => new () => object, options: FieldOptions = {}): PropertyDecorator {
  return field(
    options,
    { class: null, bounds: 'object', of: type, api: { type } },
    ValidateNested(),
    Type(type),
    IsObject(),
  );
}

/** With `oneByOne` only the list itself is checked: whoever reads it checks each item, and refuses that one alone. */
export function NestedList(
  type: () => new () => object,
  options: FieldOptions & { min?: number; max?: number; oneByOne?: boolean } = {},
): PropertyDecorator {
  const { min = 0, max = 200, oneByOne = false } = options;
  return field(
    options,
    {
      class: null,
      bounds: upTo(max, 'object'),
      of: type,
      api: { type, isArray: true, minItems: min || undefined, maxItems: max },
    },
    IsArray(),
    ArrayMinSize(min),
    ArrayMaxSize(max),
    ...(oneByOne ? [] : [IsObject({ each: true }), ValidateNested({ each: true }), Type(type)]),
  );
}

@ValidatorConstraint({ name: 'smallObject' })
class SmallObjectConstraint implements ValidatorConstraintInterface {
  validate(value: unknown, { constraints }: ValidationArguments): boolean {
    const [maxBytes, maxDepth] = constraints as [number, number];
    return depthOf(value, maxDepth) <= maxDepth && Buffer.byteLength(JSON.stringify(value)) <= maxBytes;
  }

  defaultMessage({ property, constraints }: ValidationArguments): string {
    return `${property} must be at most ${constraints[0]} bytes of JSON, nested at most ${constraints[1]} levels deep`;
  }
}

/** Counts no deeper than one beyond `max`. */
function depthOf(value: unknown, max: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (max === 0) return 1;
  return 1 + Object.values(value).reduce<number>((most, one) => Math.max(most, depthOf(one, max - 1)), 0);
}

/** A JSON object whose shape is the business of whoever reads it: bounded all the same. */
export function AnyObject(
  fieldClass: FieldClass,
  options: FieldOptions & { maxBytes: number; maxDepth: number },
): PropertyDecorator {
  const { maxBytes, maxDepth } = options;
  const bounds = `JSON object, ${upTo(maxBytes, 'byte')}, ${upTo(maxDepth, 'level')} deep`;
  return field(
    options,
    { class: fieldClass, bounds, api: { type: 'object', additionalProperties: true } },
    IsObject(),
    Validate(SmallObjectConstraint, [maxBytes, maxDepth]),
  );
}

@ValidatorConstraint({ name: 'textMap' })
class TextMapConstraint implements ValidatorConstraintInterface {
  validate(value: unknown, { constraints }: ValidationArguments): boolean {
    const [maxEntries, maxLength, maxTotal] = constraints as [number, number, number];
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const entries = Object.entries(value);
    return (
      entries.length <= maxEntries &&
      entries.every(
        ([key, text]) => key.length <= 200 && typeof text === 'string' && text.length <= maxLength,
      ) &&
      entries.reduce((total, [key, text]) => total + key.length + (text as string).length, 0) <= maxTotal
    );
  }

  defaultMessage({ property, constraints }: ValidationArguments): string {
    return `${property} must be an object of at most ${constraints[0]} texts, each of at most ${constraints[1]} characters, ${constraints[2]} together`;
  }
}

/** `{name: text}`, such as labels or environment variables. */
export function TextMap(
  fieldClass: FieldClass,
  options: FieldOptions & { max?: number; itemMax?: number; total?: number } = {},
): PropertyDecorator {
  // Together with what stands beside it, a map must fit into one event of at most 1 MiB.
  const { max = 100, itemMax = 500, total = 200_000 } = options;
  const bounds = `${upTo(max, 'named text')}, each ${upTo(itemMax, 'character')}, ${number(total)} together`;
  return field(
    options,
    { class: fieldClass, bounds, api: { type: 'object', additionalProperties: { type: 'string' } } },
    Validate(TextMapConstraint, [max, itemMax, total]),
  );
}

function upTo(max: number, what: string): string {
  return `at most ${number(max)} ${what}${max === 1 ? '' : 's'}`;
}

function between(min: number, max: number): string {
  return max === Number.MAX_SAFE_INTEGER ? `from ${number(min)}` : `${number(min)} to ${number(max)}`;
}

function number(value: number): string {
  return value.toLocaleString('en');
}
