/** A setting is missing or wrong: the message says which, and how to mend it. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}
