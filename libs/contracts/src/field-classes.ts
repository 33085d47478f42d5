/** What a field of a message to the control plane may hold. Printed, with all fields, in docs/boundary.md. */
import { getMetadataStorage, Validate, ValidatorConstraint } from 'class-validator';

export const FIELD_CLASSES = {
  metadata: 'names, ids, times, numbers, states: what happened, to which thing, by whom',
  digest: 'a hash, a signature or a public key: it says which content is meant, and nothing of it',
  reference: "where something lies on the customer's side: an address or a name, never what lies there",
  masked:
    'a text that a build made: masked and cut on the agent, before it is sent; what the agent knows as a secret is not in it',
  configuration:
    'what somebody of the organisation writes for the control plane to read: definitions, names, reasons; secrets by reference alone',
  credential: 'proof of who calls, or which attempt of a job: compared, and shown to nobody',
  bytes: 'content as it is: only where the customer wants it kept here',
} as const;

export type FieldClass = keyof typeof FIELD_CLASSES;

export interface FieldNote {
  /** Null: an object, or a list of them, whose fields have classes of their own. */
  class: FieldClass | null;
  /** In words. */
  bounds: string;
  of?: () => new () => object;
  optional: boolean;
  description?: string;
}

/** Holds the note, as validation keeps what it knows of a field: also where a class is made of another one. */
@ValidatorConstraint({ name: 'described' })
class Described {
  validate(): boolean {
    return true;
  }
}

export function described(note: FieldNote): PropertyDecorator {
  return Validate(Described, { context: note });
}

export interface Field {
  name: string;
  /** Null: somebody made the field without a decorator of fields.ts. */
  note: FieldNote | null;
}

/** Every field that validation lets pass in such an object: there are no others, as what is not known is refused. */
export function fieldsOf(type: new () => object): Field[] {
  const rules = getMetadataStorage().getTargetValidationMetadatas(type, '', true, false);
  const names = [...new Set(rules.map(({ propertyName }) => propertyName))];
  return names.map((name) => {
    const found = rules.find((rule) => rule.propertyName === name && rule.constraintCls === Described);
    return { name, note: (found?.context as FieldNote | undefined) ?? null };
  });
}
