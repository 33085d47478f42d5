/** A value cannot be had; the message says why and holds neither value nor token. */
export class SecretProblem extends Error {
  constructor(
    message: string,
    /** Another try may help. */
    readonly passing: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'SecretProblem';
  }
}

/** The field of a JSON object, or the whole text where no key is given. */
export function fieldOf(text: string, key: string | undefined): string {
  if (key === undefined) return text;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // JSON.parse's own message quotes the text.
    throw new SecretProblem(`what lies there is not JSON, so that it has no key ${key}`, false);
  }
  return textAt(value, key);
}

/** A text, number or boolean of an object, as text. */
export function textAt(value: unknown, key: string): string {
  if (typeof value === 'object' && value !== null && Object.hasOwn(value, key)) {
    const field = (value as Record<string, unknown>)[key];
    if (typeof field === 'string') return field;
    if (typeof field === 'number' || typeof field === 'boolean') return String(field);
    throw new SecretProblem(`the value of ${key} is not a text`, false);
  }
  throw new SecretProblem(`there is no key ${key}`, false);
}
