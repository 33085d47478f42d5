/** What a setting is: how it is given, what it is for, and how its text is read. */
export type Setting = {
  flag: string;
  /** Another name of the flag and of the key. */
  alias?: string;
  /** What stands after the flag; yes-or-no settings have nothing. */
  takes?: string;
  env: string;
  about: string;
  initial?: () => unknown;
} & (
  | { list?: undefined; map?: undefined; /** Throws SettingsError. */ parse: (text: string) => unknown }
  | {
      /** A map, whose values may be maps and lists; as a flag and a variable it is YAML on one line. */ map: true;
      list?: undefined;
      parse: (map: Record<string, unknown>) => unknown;
    }
  | {
      /** Repeatable as a flag, comma-separated elsewhere. */ list: true;
      map?: undefined;
      parse: (texts: string[]) => unknown;
    }
);

/** Of a list every part. */
export function split(setting: Setting, given: string): string[] {
  return setting.list ? given.split(',') : [given];
}
