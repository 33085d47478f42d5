/**
 * Reads SARIF 2.1.0 as scanners write it. Nothing in it is trusted: every value is looked at before it is used, and what
 * is not a report is an error, never an empty one.
 */

/** Bytes. A report of 50,000 findings with code snippets has about 30 million. */
export const SARIF_MAX = 32 * 1024 ** 2;

/** The text is no report, or the scanner says in it that its scan failed. */
export class SarifError extends Error {
  override readonly name = 'SarifError';
}

export interface SarifReport {
  tool?: string;
  version?: string;
  results: SarifResult[];
}

/** One finding as its scanner tells it; suppressed ones, and those that a baseline calls gone, are left out. */
export interface SarifResult {
  rule: string;
  message: string;
  level: SarifLevel;
  /** CVSS-like, 0 to 10. */
  securitySeverity?: number;
  tags: string[];
  /** As written, with its base if that is known. */
  uri?: string;
  line?: number;
  column?: number;
  /** By the scanner, name and value; may be worthless. */
  fingerprints: [string, string][];
}

export type SarifLevel = 'error' | 'warning' | 'note' | 'none';

const LEVELS: readonly SarifLevel[] = ['error', 'warning', 'note', 'none'];
/** Of a chain of uriBaseIds. */
const BASES_MAX = 10;

type Json = Record<string, unknown>;

export function readSarif(text: string): SarifReport {
  let log: unknown;
  try {
    log = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (cause) {
    throw new SarifError(`it is not JSON (${(cause as Error).message.slice(0, 200)})`, { cause });
  }
  if (!isObject(log)) throw new SarifError('it is not a JSON object');
  if (log['version'] !== '2.1.0')
    throw new SarifError(`its version is ${shown(log['version'])}, and only SARIF "2.1.0" is read`);
  const runs = log['runs'];
  if (!Array.isArray(runs) || runs.length === 0) throw new SarifError('it has no runs');
  const read = runs.map(readRun);
  const { tool, version } = read[0]!;
  return {
    ...(tool !== undefined && { tool }),
    ...(version !== undefined && { version }),
    results: read.flatMap(({ results }) => results),
  };
}

function readRun(run: unknown, index: number): SarifReport {
  if (!isObject(run)) throw new SarifError(`runs[${index}] is not an object`);
  refuseFailed(run);
  const tool = objectIn(run, 'tool');
  const driver = objectIn(tool, 'driver');
  const name = textIn(driver, 'name');
  const version = textIn(driver, 'semanticVersion') ?? textIn(driver, 'version');
  const results = run['results'];
  // Null means by the standard that the tool did not come to scan; a run that is only left out is one of some formatters.
  if (!Array.isArray(results ?? []) || results === null)
    throw new SarifError(`runs[${index}].results is ${shown(results)}: the scanner did not come to a result`);
  const rules = new Rules(tool, driver);
  const bases = objectIn(run, 'originalUriBaseIds');
  return {
    ...(name !== undefined && { tool: name }),
    ...(version !== undefined && { version }),
    results: ((results as unknown[] | undefined) ?? []).flatMap((result, number) => {
      if (!isObject(result)) throw new SarifError(`runs[${index}].results[${number}] is not an object`);
      return counts(result) ? [readResult(result, rules, bases)] : [];
    }),
  };
}

/** A scanner can end well and still say that it could not do its work. */
function refuseFailed(run: Json): void {
  for (const invocation of listIn(run, 'invocations')) {
    if (invocation['executionSuccessful'] !== false) continue;
    const notices = ['toolExecutionNotifications', 'toolConfigurationNotifications']
      .flatMap((name) => listIn(invocation, name))
      .flatMap((notice) => textIn(objectIn(notice, 'message'), 'text') ?? []);
    throw new SarifError(
      `the scanner says that it failed: ${notices[0]?.slice(0, 500) ?? 'executionSuccessful is false, and it does not say why'}`,
    );
  }
}

function counts(result: Json): boolean {
  if (result['kind'] === 'pass' || result['kind'] === 'notApplicable') return false;
  if (result['baselineState'] === 'absent') return false;
  const suppressions = listIn(result, 'suppressions');
  return (
    suppressions.length === 0 ||
    suppressions.some(({ status }) => status === 'rejected' || status === 'underReview')
  );
}

function readResult(result: Json, rules: Rules, bases: Json): SarifResult {
  const { id, rule } = rules.of(result);
  const location = listIn(result, 'locations')[0] ?? {};
  const physical = objectIn(location, 'physicalLocation');
  const region = objectIn(physical, 'region');
  const uri = uriOf(objectIn(physical, 'artifactLocation'), bases) ?? logicalName(location);
  const line = wholeIn(region, 'startLine');
  const column = wholeIn(region, 'startColumn');
  const severity = securitySeverity(result) ?? securitySeverity(rule);
  return {
    rule: id,
    message: messageOf(result, rule),
    level: levelOf(result, rule),
    ...(severity !== undefined && { securitySeverity: severity }),
    tags: tagsOf(rule),
    ...(uri !== undefined && { uri }),
    ...(line !== undefined && { line }),
    ...(column !== undefined && { column }),
    fingerprints: [...textsIn(result, 'partialFingerprints'), ...textsIn(result, 'fingerprints')],
  };
}

/** By the standard: the result's own, nothing for what is no failure, the rule's, and a warning where nobody says. */
function levelOf(result: Json, rule: Json): SarifLevel {
  const own = LEVELS.find((level) => level === result['level']);
  if (own) return own;
  const kind = result['kind'];
  if (kind !== undefined && kind !== 'fail') return 'none';
  const usual = objectIn(rule, 'defaultConfiguration')['level'];
  return LEVELS.find((level) => level === usual) ?? 'warning';
}

/** Texts, as GitHub wants them, or numbers, as some write them. */
function securitySeverity(of: Json): number | undefined {
  const value = objectIn(of, 'properties')['security-severity'];
  if (typeof value !== 'number' && typeof value !== 'string') return undefined;
  const score = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value);
  return score >= 0 && score <= 10 ? score : undefined;
}

function tagsOf(rule: Json): string[] {
  const tags = objectIn(rule, 'properties')['tags'];
  return Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : [];
}

function messageOf(result: Json, rule: Json): string {
  const message = objectIn(result, 'message');
  const text = textIn(message, 'text') ?? textIn(message, 'markdown');
  if (text !== undefined) return text;
  const template = textIn(objectIn(objectIn(rule, 'messageStrings'), textIn(message, 'id') ?? ''), 'text');
  const values = Array.isArray(message['arguments']) ? (message['arguments'] as unknown[]) : [];
  const filled = template?.replace(/\{(\d{1,3})\}/g, (place, number: string) => {
    const value = values[Number(number)];
    return typeof value === 'string' ? value : place;
  });
  return filled ?? textIn(objectIn(rule, 'shortDescription'), 'text') ?? 'the scanner gives no message';
}

/** The artifact's URI, below the bases that it names. */
function uriOf(artifact: Json, bases: Json): string | undefined {
  let uri = textIn(artifact, 'uri');
  if (uri === undefined) return undefined;
  let id = textIn(artifact, 'uriBaseId');
  for (
    let depth = 0;
    id !== undefined && depth < BASES_MAX && !/^[a-z][a-z0-9+.-]+:/i.test(uri);
    depth += 1
  ) {
    const base = objectIn(bases, id);
    const start: string = textIn(base, 'uri') ?? '';
    uri = start === '' || start.endsWith('/') ? start + uri : `${start}/${uri}`;
    id = textIn(base, 'uriBaseId');
  }
  return uri;
}

function logicalName(location: Json): string | undefined {
  const logical = listIn(location, 'logicalLocations')[0] ?? {};
  return textIn(logical, 'fullyQualifiedName') ?? textIn(logical, 'name');
}

/** Rules of the tool and its extensions, by place and by id. */
class Rules {
  readonly #driver: Json[];
  readonly #extensions: Json[][];
  readonly #byId = new Map<string, Json>();

  constructor(tool: Json, driver: Json) {
    this.#driver = listIn(driver, 'rules');
    this.#extensions = listIn(tool, 'extensions').map((extension) => listIn(extension, 'rules'));
    for (const rule of [...this.#driver, ...this.#extensions.flat()]) {
      const id = textIn(rule, 'id');
      if (id !== undefined && !this.#byId.has(id)) this.#byId.set(id, rule);
    }
  }

  of(result: Json): { id: string; rule: Json } {
    const reference = objectIn(result, 'rule');
    const index = wholeIn(result, 'ruleIndex') ?? wholeIn(reference, 'index');
    const extension = wholeIn(objectIn(reference, 'toolComponent'), 'index');
    const list = extension === undefined ? this.#driver : (this.#extensions[extension] ?? []);
    const named = textIn(result, 'ruleId') ?? textIn(reference, 'id');
    const placed = index === undefined ? undefined : list[index];
    const rule = placed ?? (named === undefined ? undefined : this.#ruleOf(named)) ?? {};
    return { id: named ?? textIn(rule, 'id') ?? 'unknown', rule };
  }

  /** `a/b/c` may be a finer name of the rule `a/b`. */
  #ruleOf(id: string): Json | undefined {
    return this.#byId.get(id) ?? this.#byId.get(id.slice(0, Math.max(0, id.lastIndexOf('/'))));
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function objectIn(of: Json, name: string): Json {
  const value = Object.hasOwn(of, name) ? of[name] : undefined;
  return isObject(value) ? value : {};
}

function listIn(of: Json, name: string): Json[] {
  const value = of[name];
  return Array.isArray(value) ? value.map((item: unknown) => (isObject(item) ? item : {})) : [];
}

function textIn(of: Json, name: string): string | undefined {
  const value = of[name];
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}

function wholeIn(of: Json, name: string): number | undefined {
  const value = of[name];
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function textsIn(of: Json, name: string): [string, string][] {
  return Object.entries(objectIn(of, name)).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
}

/** Never what is in it: that may be as deep as it likes. */
function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return 'a list';
  return isObject(value) ? 'an object' : JSON.stringify(value).slice(0, 50);
}
