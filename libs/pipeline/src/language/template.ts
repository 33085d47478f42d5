/**
 * Templates such as `{{.Inputs.version}}`: values put into a text in one pass, never code. `{{"{{"}}` stands for `{{`,
 * and `{{hashFiles 'package-lock.json'}}` is left for the agent, which has the files.
 */
import { inOurWords } from './familiar.js';

const OPEN = '{{';
const CLOSE = '}}';
const LITERAL_OPEN = '"{{"';
const PATH = /^\.[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_][A-Za-z0-9_-]*){0,3}$/;

/** Neither quotes nor braces: what is hashed is written anew in single quotes. */
const GLOB = `[^'"{}\\p{Cc}]{1,200}`;
const ARGUMENT = `'${GLOB}'|"${GLOB}"|\\.[A-Za-z]{1,20}(?:\\.[A-Za-z0-9_-]{1,63}){0,3}`;
const HASH_FILES = new RegExp(`^hashFiles((?: {1,9}(?:${ARGUMENT})){1,20})$`, 'u');

export interface Reference {
  /** `['Steps', 'build', 'outputs', 'digest']` */
  path: string[];
  /** As written, braces included. */
  source: string;
}

export interface HashFiles {
  /** Globs of files in the workspace, or references to them. */
  globs: (string | Reference)[];
  source: string;
}

export type TemplatePart = { text: string } | Reference | HashFiles;

export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

/** Takes a text apart, in time linear in its length. Throws TemplateError. */
export function parseTemplate(text: string): TemplatePart[] {
  const parts: TemplatePart[] = [];
  let at = 0;
  for (let open = text.indexOf(OPEN); open >= 0; open = text.indexOf(OPEN, at)) {
    if (open > at) parts.push({ text: text.slice(at, open) });
    const start = open + OPEN.length;
    if (text.startsWith(LITERAL_OPEN + CLOSE, start)) {
      parts.push({ text: OPEN });
      at = start + LITERAL_OPEN.length + CLOSE.length;
      continue;
    }
    const close = text.indexOf(CLOSE, start);
    if (close < 0)
      throw new TemplateError('`{{` is never closed; write {{"{{"}} for the two braces themselves');
    at = close + CLOSE.length;
    const inner = text.slice(start, close).trim();
    const source = text.slice(open, at);
    const hashed = inner.startsWith('hashFiles') ? HASH_FILES.exec(inner) : null;
    if (hashed) {
      const globs = [...hashed[1]!.matchAll(/'([^']+)'|"([^"]+)"|\.(\S+)/g)].map(
        ([, one, other, path]) => one ?? other ?? { path: path!.split('.'), source: `{{.${path}}}` },
      );
      parts.push({ globs, source });
      continue;
    }
    if (inner.length > 300 || !PATH.test(inner)) {
      const shown = source.length > 60 ? `${source.slice(0, 57)}…` : source;
      throw new TemplateError(`${shown} is not a template such as {{.Inputs.x}}; ${remedyFor(inner)}`);
    }
    parts.push({ path: inner.slice(1).split('.'), source });
  }
  if (at < text.length) parts.push({ text: text.slice(at) });
  return parts;
}

function remedyFor(inner: string): string {
  const ours = inOurWords(inner);
  if (ours) return `write ${ours}`;
  if (inner.startsWith('hashFiles')) return "write {{hashFiles 'package-lock.json'}}, with up to 20 globs";
  return 'write {{"{{"}} for the two braces themselves';
}

/** References of a text. Throws TemplateError. */
export function referencesIn(text: string): Reference[] {
  return parseTemplate(text).flatMap((part) => {
    if ('path' in part) return [part];
    return 'globs' in part ? part.globs.filter((glob) => typeof glob !== 'string') : [];
  });
}

/** `{{hashFiles 'a' .Inputs.b}}` with its references written anew. */
export function hashOf({ globs }: HashFiles, write: (reference: Reference) => string): string {
  return `{{hashFiles ${globs.map((glob) => (typeof glob === 'string' ? `'${glob}'` : write(glob))).join(' ')}}}`;
}

/** A value as an argument of hashFiles. Throws TemplateError where it can't be one. */
export function quotedGlob(value: string, { source }: Reference): string {
  if (new RegExp(`^${GLOB}$`, 'u').test(value)) return `'${value}'`;
  throw new TemplateError(`${source} is no name of files that can be hashed`);
}

/** What the roots stand for. A root that is left out is not resolved: the reference stays as it is. */
export interface TemplateValues {
  Version?: string;
  Branch?: string;
  Commit?: string;
  RunID?: string;
  PreviousExecutionID?: string | null;
  Env?: Record<string, string>;
  Inputs?: Record<string, string>;
  Matrix?: Record<string, string>;
  /** Outputs by step. */
  Steps?: Record<string, Record<string, string>>;
}

/**
 * Replaces every reference except `{{.Secrets.X}}`, which only the agent can resolve. Values are put in as they are and
 * not looked at again, and may not bring in braces of their own: a branch called `{{.Secrets.KEY}}` would otherwise
 * become a reference to a secret when the agent reads the text. Throws TemplateError.
 */
export function render(text: string, values: TemplateValues): string {
  let out = '';
  let lastWasValue = false;
  for (const part of parseTemplate(text)) {
    const value = 'path' in part ? lookUp(part, values) : undefined;
    const piece = value ?? pieceOf(part, values);
    const joint = (lastWasValue || value !== undefined) && out.endsWith('{') && piece.startsWith('{');
    if (joint || value?.includes(OPEN)) {
      const culprit = 'source' in part && value !== undefined ? part.source : 'the value before it';
      throw new TemplateError(
        `${culprit} has a value that makes \`{{\`, which could be taken for a template`,
      );
    }
    out += piece;
    if (piece !== '') lastWasValue = value !== undefined;
  }
  return out;
}

function pieceOf(part: TemplatePart, values: TemplateValues): string {
  if ('text' in part) return part.text;
  if ('path' in part) return part.source;
  return hashOf(part, (reference) => quotedGlob(lookUp(reference, values) ?? '', reference));
}

/** The value of a reference; undefined if it is not to be resolved here. Throws TemplateError when it has none. */
function lookUp({ path, source }: Reference, values: TemplateValues): string | undefined {
  const [root, name = '', , output = ''] = path;
  switch (root) {
    case 'Version':
    case 'Branch':
    case 'Commit':
    case 'RunID':
      return values[root];
    case 'PreviousExecutionID':
      if (values.PreviousExecutionID === null)
        throw new TemplateError(`${source}: there is no earlier run that succeeded`);
      return values.PreviousExecutionID;
    case 'Env':
    case 'Inputs':
    case 'Matrix':
      return values[root] && own(values[root], name, source);
    case 'Steps':
      return values.Steps && own(own(values.Steps, name, source), output, source);
    default:
      return undefined;
  }
}

function own<T>(map: Record<string, T>, key: string, source: string): T {
  if (!Object.hasOwn(map, key)) throw new TemplateError(`${source} has no value: there is no \`${key}\``);
  return map[key]!;
}
