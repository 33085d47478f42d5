import { problem, type FieldError } from '@hybrid/contracts';
import { ValidationPipe, type ArgumentMetadata } from '@nestjs/common';
import type { ValidationError } from 'class-validator';

/** More than any step's config needs, and far less than what makes a recursive reader fail. */
const MAX_DEPTH = 50;
/** A name or id in a path: as long as the longest that anything has. */
const PATH_PARAMETER = /^[^\p{Cc}]{1,200}$/u;

/** Refuses unknown fields and wrong values, naming each by its path. */
export function validation(): ValidationPipe {
  return new ShallowInput({
    whitelist: true,
    forbidNonWhitelisted: true,
    transform: true,
    stopAtFirstError: false,
    exceptionFactory: (errors) => {
      const fields = errors.flatMap((error) => flatten(error, ''));
      return problem('invalid', 'invalid_input', `the input has ${fields.length} error(s)`, fields);
    },
  });
}

/** Looks at the depth first: all that comes after goes down the whole input, field by field. */
class ShallowInput extends ValidationPipe {
  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type === 'body' && deeperThan(MAX_DEPTH, value))
      throw problem('invalid', 'invalid_input', `the input is nested deeper than ${MAX_DEPTH} levels`);
    if (metadata.type === 'param' && typeof value === 'string' && !PATH_PARAMETER.test(value))
      throw problem('invalid', 'invalid_input', `the path has no ${metadata.data} that could be one`, [
        { path: metadata.data ?? '', message: 'must have 1 to 200 characters, none of them a control one' },
      ]);
    return super.transform(value, metadata) as Promise<unknown>;
  }
}

function deeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => deeperThan(levels - 1, inner));
}

function flatten(error: ValidationError, prefix: string): FieldError[] {
  const path = prefix + error.property;
  const own = Object.entries(error.constraints ?? {}).map(([rule, message]) => ({
    path,
    message: rule === 'whitelistValidation' ? 'there is no such field' : message,
  }));
  return [...own, ...(error.children ?? []).flatMap((child) => flatten(child, `${path}.`))];
}
