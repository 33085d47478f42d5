/** Checks the shape of a document against the JSON Schema and words every error for the person who wrote the file. */
import type { FieldError } from '@hybrid/contracts';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { child, pathOf, type SourceDocument } from './document.js';
import { didYouMean } from './nearest.js';
import type { JsonSchema } from './schema/parts.js';

const ajv = new Ajv({
  strict: true,
  strictRequired: false,
  allErrors: true,
  verbose: true,
  allowUnionTypes: true,
  // Optimising what ajv generates takes longer than it saves in all documents that a command line ever checks.
  code: { optimize: false },
});
ajv.addVocabulary(['x-instead', 'x-kind', 'x-rule']);
/** Say only that errors within failed, which are there too. */
const ENVELOPES = ['if', 'propertyNames'];

/** What is wrong with a document's shape, at most `limit` errors; empty if nothing is. Unsorted. */
export type ShapeCheck = (document: SourceDocument, limit: number) => FieldError[];

/** The schema is compiled when it is first used: that takes as long as reading a hundred pipelines. */
export function shapeCheck(schema: JsonSchema): ShapeCheck {
  let validate: ValidateFunction | undefined;
  return (document, limit) => {
    validate ??= ajv.compile(schema);
    if (validate(document.value)) return [];
    return (validate.errors ?? [])
      .filter(({ keyword }) => !ENVELOPES.includes(keyword))
      .slice(0, limit)
      .map((error) => describe(error, document));
  };
}

interface Annotated {
  /** The value is not shown: somebody may have written a secret where only its name belongs. */
  writeOnly?: boolean;
  properties?: Record<string, unknown>;
  'x-instead'?: Record<string, string>;
  'x-kind'?: string;
  'x-rule'?: string;
}

function describe(error: ErrorObject, document: SourceDocument): FieldError {
  const { instancePath, params } = error;
  const schema = (error.parentSchema ?? {}) as Annotated;
  const atValue = (message: string): FieldError => {
    return { path: pathOf(instancePath), message, ...document.positionOf(instancePath) };
  };
  const atKey = (message: string, key: string): FieldError => {
    const pointer = child(instancePath, key);
    return { path: pathOf(pointer), message, ...document.positionOfKey(pointer) };
  };
  if (error.propertyName !== undefined) return atKey(describeName(error, schema), error.propertyName);

  switch (error.keyword) {
    case 'additionalProperties': {
      const key = String(params.additionalProperty);
      return atKey(instead(schema, key) ?? unknownKey(key, Object.keys(schema.properties ?? {})), key);
    }
    case 'required': {
      const key = String(params.missingProperty);
      return { ...atValue(`\`${key}\` is missing`), path: pathOf(child(instancePath, key)) };
    }
    case 'enum': {
      const value = String(error.data);
      const allowed = withoutCases((params.allowedValues as unknown[]).map(String));
      return atValue(
        instead(schema, value) ??
          `must be one of ${allowed.join(', ')}, not \`${shorten(value)}\`${didYouMean(value, allowed)}`,
      );
    }
    case 'pattern':
      return atValue(
        `must be ${schema['x-rule'] ?? error.message}${schema.writeOnly ? '' : `, not \`${shorten(String(error.data))}\``}`,
      );
    case 'type':
      return atValue(
        `must be ${schema['x-kind'] ?? kinds(params.type as string | string[])}, not ${kindOf(error.data)}`,
      );
    case 'minItems':
    case 'minProperties':
    case 'minLength':
      return atValue(`must not be empty`);
    case 'minimum':
      return atValue(`must be at least ${params.limit}, not ${shorten(String(error.data))}`);
    case 'maximum':
      return atValue(`must be at most ${params.limit}, not ${shorten(String(error.data))}`);
    case 'maxItems':
    case 'maxProperties':
      return atValue(`must have at most ${params.limit} entries`);
    case 'maxLength':
      return atValue(`must have at most ${params.limit} characters`);
    default:
      return atValue(error.message ?? 'is not valid');
  }
}

/** What to write instead of what other systems call so. */
function instead(schema: Annotated, name: string): string | undefined {
  const messages = schema['x-instead'];
  return messages && Object.hasOwn(messages, name)
    ? `\`${name}\` is not known here: ${messages[name]}`
    : undefined;
}

/** An error in the name of a key rather than in its value. */
function describeName(error: ErrorObject, schema: Annotated): string {
  if (error.keyword === 'maxLength')
    return `a key of at most ${error.params.limit} characters is wanted here`;
  const name = error.propertyName!;
  return instead(schema, name) ?? `\`${shorten(name)}\` must be ${schema['x-rule'] ?? error.message}`;
}

function unknownKey(key: string, known: string[]): string {
  return `unknown key \`${shorten(key)}\`${didYouMean(key, known) || `; known here: ${known.join(', ')}`}`;
}

/** Of `high` and `HIGH` only the first is shown. */
function withoutCases(values: string[]): string[] {
  const seen = new Set<string>();
  return values.filter((value) => !seen.has(value.toLowerCase()) && seen.add(value.toLowerCase()));
}

const KINDS: Record<string, string> = {
  object: 'a map',
  array: 'a list',
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  null: 'nothing',
};

function kinds(types: string | string[]): string {
  return [types]
    .flat()
    .map((type) => KINDS[type])
    .join(' or ');
}

function kindOf(value: unknown): string {
  if (value === null) return 'nothing';
  return KINDS[Array.isArray(value) ? 'array' : typeof value]!;
}

/** Without the user and password of an address: errors are shown and logged. */
function shorten(written: string): string {
  const text = written.slice(0, 1_000).replace(/\/\/[^/@\s]*@/g, '//***@');
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
