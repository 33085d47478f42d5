/** One decorator per kind of field: validation and OpenAPI in one place. */
import { applyDecorators } from '@nestjs/common';
import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
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

interface FieldOptions {
  optional?: boolean;
  description?: string;
  example?: unknown;
}

function field(
  options: FieldOptions,
  api: ApiPropertyOptions,
  ...rules: PropertyDecorator[]
): PropertyDecorator {
  const { optional = false, description, example } = options;
  return applyDecorators(
    ApiProperty({ ...api, required: !optional, description, example } as ApiPropertyOptions),
    ...(optional ? [IsOptional()] : []),
    ...rules,
  );
}

export function Text(
  options: FieldOptions & { min?: number; max?: number; pattern?: RegExp } = {},
): PropertyDecorator {
  const { min = 1, max = 500, pattern } = options;
  return field(
    options,
    { type: String, minLength: min, maxLength: max, pattern: pattern?.source },
    IsString(),
    Length(min, max),
    ...(pattern ? [Matches(pattern)] : []),
  );
}

export function Whole(options: FieldOptions & { min: number; max: number }): PropertyDecorator {
  return field(
    options,
    { type: 'integer', minimum: options.min, maximum: options.max },
    Transform(({ value }) => fromDigits(value)),
    IsInt(),
    Min(options.min),
    Max(options.max),
  );
}

/** Query strings have only texts. Everything else stays what it is: an empty text is no 0, a list of one is no number. */
function fromDigits(value: unknown): unknown {
  return typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
}

export function Real(options: FieldOptions & { min: number; max: number }): PropertyDecorator {
  return field(
    options,
    { type: Number, minimum: options.min, maximum: options.max },
    IsNumber(),
    Min(options.min),
    Max(options.max),
  );
}

export function Flag(options: FieldOptions = {}): PropertyDecorator {
  return field(options, { type: Boolean }, IsBoolean());
}

export function OneOf(values: readonly string[], options: FieldOptions = {}): PropertyDecorator {
  return field(options, { type: String, enum: [...values] }, IsIn(values));
}

export function Texts(options: FieldOptions & { max?: number; itemMax?: number } = {}): PropertyDecorator {
  const { max = 100, itemMax = 200 } = options;
  return field(
    options,
    { type: [String], maxItems: max },
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
    { type: 'array', items: { type: 'integer', minimum: min, maximum: max }, maxItems },
    IsArray(),
    ArrayMaxSize(maxItems),
    IsInt({ each: true }),
    Min(min, { each: true }),
    Max(max, { each: true }),
  );
}

export function Nested(type: () => new () => object, options: FieldOptions = {}): PropertyDecorator {
  return field(options, { type }, ValidateNested(), Type(type), IsObject());
}

export function NestedList(
  type: () => new () => object,
  options: FieldOptions & { max?: number } = {},
): PropertyDecorator {
  const { max = 200 } = options;
  return field(
    options,
    { type, isArray: true, maxItems: max },
    IsArray(),
    ArrayMaxSize(max),
    IsObject({ each: true }),
    ValidateNested({ each: true }),
    Type(type),
  );
}

/** Any JSON object: its shape is the business of whoever reads it. */
export function AnyObject(options: FieldOptions = {}): PropertyDecorator {
  return field(options, { type: 'object', additionalProperties: true }, IsObject());
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
  options: FieldOptions & { max?: number; itemMax?: number; total?: number } = {},
): PropertyDecorator {
  // Together with what stands beside it, a map must fit into one event of at most 1 MiB.
  const { max = 100, itemMax = 500, total = 200_000 } = options;
  return field(
    options,
    { type: 'object', additionalProperties: { type: 'string' } },
    Validate(TextMapConstraint, [max, itemMax, total]),
  );
}
