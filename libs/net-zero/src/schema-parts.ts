import type { JsonSchema } from '@hybrid/pipeline';

/** As registries of the control plane take names. */
export const name = (description: string): JsonSchema => ({
  type: 'string',
  maxLength: 100,
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
  'x-rule': 'a name of letters, digits, dots, dashes and underscores that begins with a letter or digit',
  description,
});

/** Shown to people: nothing in it can end the line. */
export const line = (description: string, maxLength: number): JsonSchema => ({
  type: 'string',
  minLength: 1,
  maxLength,
  pattern: '^[^\\p{Cc}\\u2028\\u2029]*$',
  'x-rule': 'one line',
  description,
});
