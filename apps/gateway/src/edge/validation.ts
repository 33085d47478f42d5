import { problem, type FieldError } from '@hybrid/contracts';
import { ValidationPipe } from '@nestjs/common';
import type { ValidationError } from 'class-validator';

/** Refuses unknown fields and wrong values, naming each by its path. */
export function validation(): ValidationPipe {
  return new ValidationPipe({
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

function flatten(error: ValidationError, prefix: string): FieldError[] {
  const path = prefix + error.property;
  const own = Object.entries(error.constraints ?? {}).map(([rule, message]) => ({
    path,
    message: rule === 'whitelistValidation' ? 'there is no such field' : message,
  }));
  return [...own, ...(error.children ?? []).flatMap((child) => flatten(child, `${path}.`))];
}
