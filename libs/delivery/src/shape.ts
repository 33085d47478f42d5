/** Whether something is a delivery, or what is wrong with it: by the names of fields, never by what they hold. */
import type { Delivery } from '@hybrid/contracts';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { deliverySchema, type JsonSchema } from './delivery.schema.js';
import { deliveryId } from './digests.js';

const ajv = new Ajv({
  strict: true,
  strictRequired: false,
  strictTypes: false,
  allowUnionTypes: true,
  verbose: true,
});
ajv.addVocabulary(['x-class', 'x-rule']);
const isShaped: ValidateFunction<Delivery> = ajv.compile<Delivery>(deliverySchema);

/** The first thing wrong: `metadata.branch must be a name that git takes for a branch or tag`; null if nothing is. */
export function faultOf(value: unknown): string | null {
  if (!isShaped(value)) return describe(isShaped.errors![0]!);
  const { id, source, payload, part } = value;
  // Else one relay could take the id of what another one will send, and have that taken for a copy.
  return id === deliveryId(source, payload.keyed_sha256, part)
    ? null
    : 'id does not follow from source, payload.keyed_sha256 and part';
}

/** For one field of the metadata on its own: `metadata.<field>`, with its whole schema. */
export function metadataFieldFits(field: string, value: unknown): boolean {
  return fields.get(field)?.(value) === true;
}

const { properties: metadataFields } = (deliverySchema.properties as { metadata: { properties: JsonSchema } })
  .metadata;
const fields = new Map<string, ValidateFunction>(
  Object.entries(metadataFields).map(([field, schema]) => [field, ajv.compile(schema as JsonSchema)]),
);

function describe(error: ErrorObject): string {
  const at = placeOf(error.instancePath);
  const rule = (error.parentSchema as { 'x-rule'?: string } | undefined)?.['x-rule'];
  switch (error.keyword) {
    case 'required':
      return `${at} lacks ${String(error.params.missingProperty)}`;
    case 'additionalProperties':
      return `${at} has a field that is not known`;
    case 'pattern':
      return `${at} must be ${rule ?? 'of its pattern'}`;
    case 'const':
    case 'enum':
      return `${at} has a value that is not known`;
    default:
      return `${at} ${error.message ?? 'is not valid'}`;
  }
}

/** Names of attributes are the customer's words, so they are not told. */
function placeOf(instancePath: string): string {
  const parts = instancePath.split('/').slice(1);
  if (parts.length === 0) return 'the delivery';
  return parts.slice(0, parts[1] === 'attributes' ? 2 : 3).join('.');
}
