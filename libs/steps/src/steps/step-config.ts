/** Reads the config of a step. The pipelines service has checked it; this says clearly what an agent cannot use. */
import { StepProblem } from '../step.js';

export class StepConfig {
  constructor(private readonly values: Record<string, unknown>) {}

  text(name: string): string {
    const value = this.optionalText(name);
    if (value === undefined) throw new StepProblem(`config.${name} is missing`);
    return value;
  }

  optionalText(name: string): string | undefined {
    const value = this.values[name] ?? undefined;
    if (value === undefined || (typeof value === 'string' && value !== '')) return value;
    throw new StepProblem(`config.${name} must be a text`);
  }

  flag(name: string): boolean {
    return this.values[name] === true;
  }

  /** A number above 0. */
  positive(name: string): number | undefined {
    const value = this.values[name] ?? undefined;
    if (value === undefined || (typeof value === 'number' && value > 0)) return value;
    throw new StepProblem(`config.${name} must be a number above 0`);
  }

  /** A list of objects; empty where it is left out. */
  objects(name: string): Record<string, unknown>[] {
    const list = this.values[name] ?? [];
    if (Array.isArray(list) && list.every((item) => typeof item === 'object' && item !== null))
      return list as Record<string, unknown>[];
    throw new StepProblem(`config.${name} must be a list of objects`);
  }

  /** Empty where it is left out. */
  object(name: string): Record<string, unknown> {
    const value = this.values[name] ?? {};
    if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
    throw new StepProblem(`config.${name} must be an object`);
  }

  texts(name: string): string[] {
    const value = this.values[name];
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
    throw new StepProblem(`config.${name} must be a list of texts`);
  }

  optionalTexts(name: string): string[] | undefined {
    return (this.values[name] ?? undefined) === undefined ? undefined : this.texts(name);
  }

  /** `{name: value}`; numbers and booleans become texts, as YAML writes them. */
  textMap(name: string): Record<string, string> {
    return Object.fromEntries(Object.entries(this.object(name)).map(([key, value]) => [key, String(value)]));
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], otherwise: T): T {
    const value = this.optionalText(name) ?? otherwise;
    const found = allowed.find((one) => one === value);
    if (found === undefined) throw new StepProblem(`config.${name} must be one of ${allowed.join(', ')}`);
    return found;
  }

  /** Seconds, from a number of seconds or a text such as 300s, 5m or 1h. */
  seconds(name: string): number | undefined {
    const value = this.values[name] ?? undefined;
    if (value === undefined) return undefined;
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(
      typeof value === 'number' ? String(value) : typeof value === 'string' ? value : '',
    );
    if (!match) throw new StepProblem(`config.${name} must be seconds, or a text such as 300s, 5m or 1h`);
    return Number(match[1]) * { ms: 0.001, s: 1, m: 60, h: 3600 }[match[2] ?? 's']!;
  }

  /** A whole number of at least 1. */
  optionalCount(name: string): number | undefined {
    const value = this.values[name] ?? undefined;
    if (value === undefined || (Number.isSafeInteger(value) && Number(value) >= 1))
      return value as number | undefined;
    throw new StepProblem(`config.${name} must be a whole number from 1`);
  }

  /** Artifacts to store: `[{key, path, retention_days?}]`. */
  artifacts(name: string): { key: string; path: string; retention_days?: number }[] {
    const list = this.values[name] ?? [];
    if (!Array.isArray(list)) throw new StepProblem(`config.${name} must be a list of {key, path}`);
    return list.map((item: unknown, index) => {
      const { key, path, retention_days } = (item ?? {}) as Record<string, unknown>;
      if (typeof key === 'string' && typeof path === 'string')
        return { key, path, ...(typeof retention_days === 'number' && { retention_days }) };
      throw new StepProblem(`config.${name}[${index}] must be {key, path}`);
    });
  }
}
