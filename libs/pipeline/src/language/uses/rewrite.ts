/** Puts what a template is given, and the full names of its steps, into the template's steps. */
import type { InputValue } from '../definition.js';
import { child } from '../document.js';
import { didYouMean } from '../nearest.js';
import {
  hashOf,
  parseTemplate,
  quotedGlob,
  TemplateError,
  type HashFiles,
  type Reference,
} from '../template.js';
import { rewriteCondition } from './rewrite-condition.js';

export interface Given {
  value: InputValue;
  /** As it was written. */
  text: string;
}

export interface Rewriting {
  /** By name, with an empty text for an optional one that was not given. */
  inputs: ReadonlyMap<string, Given>;
  /** The full name of a step of the template; undefined if it has no such step. */
  fullName(step: string): string | undefined;
  /** At a pointer in the template. */
  report(pointer: string, message: string): void;
  /** Notes how a value that is no text was written. */
  written(pointer: string, text: string): void;
}

/** Keys whose texts are conditions. */
const CONDITIONS = /^\/steps\/\d+\/(if$|config\/(auto_approve_)?conditions(\/|$))/;

/** The value with everything put in; it is not changed itself. */
export function rewrite(value: unknown, pointer: string, by: Rewriting): unknown {
  if (typeof value === 'string') {
    return CONDITIONS.test(pointer) ? condition(value, pointer, by) : text(value, pointer, by);
  }
  if (Array.isArray(value)) return value.map((item, index) => rewrite(item, `${pointer}/${index}`, by));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, rewrite(inner, child(pointer, key), by)]),
  );
}

function text(source: string, pointer: string, by: Rewriting): InputValue {
  if (!source.includes('{{')) return source;
  try {
    const parts = parseTemplate(source);
    const [only] = parts;
    if (parts.length === 1 && only && 'path' in only && only.path[0] === 'Inputs' && only.path.length === 2) {
      const given = inputOf(only.path[1]!, pointer, by);
      if (typeof given.value !== 'string') by.written(pointer, given.text);
      return given.value;
    }
    return parts
      .map((part) => {
        if ('path' in part) return reference(part, pointer, by);
        if ('globs' in part) return hash(part, pointer, by);
        return part.text.replace('{{', '{{"{{"}}');
      })
      .join('');
  } catch (error) {
    // It is reported where templates are checked.
    if (error instanceof TemplateError) return source;
    throw error;
  }
}

function reference({ path, source }: Reference, pointer: string, by: Rewriting): string {
  const [root, name = '', ...rest] = path;
  if (root === 'Inputs' && path.length === 2) return inputOf(name, pointer, by).text;
  if (root === 'Steps' && path.length > 1)
    return `{{.Steps.${[stepOf(name, pointer, by), ...rest].join('.')}}}`;
  return source;
}

/** An input that is a template again stays one: `{{.Inputs.lock}}` becomes `.Inputs.lock`. */
function hash(part: HashFiles, pointer: string, by: Rewriting): string {
  return hashOf(part, (glob) => {
    if (glob.path[0] !== 'Inputs' || glob.path.length !== 2) return `.${glob.path.join('.')}`;
    const { text } = inputOf(glob.path[1]!, pointer, by);
    const again = /^\{\{ *(\.[\w.-]+) *\}\}$/.exec(text);
    if (again) return again[1]!;
    try {
      return quotedGlob(text, glob);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      by.report(pointer, error.message);
      return "'*'";
    }
  });
}

function inputOf(name: string, pointer: string, { inputs, report }: Rewriting): Given {
  const given = inputs.get(name);
  if (given) return given;
  report(pointer, `the template has no input \`${name}\`${didYouMean(name, inputs.keys())}`);
  return { value: name, text: name };
}

function stepOf(name: string, pointer: string, { fullName, report }: Rewriting): string {
  const full = fullName(name);
  if (full === undefined) {
    report(pointer, `the template has no step \`${name}\`; what other steps put out comes by an input`);
  }
  return full ?? name;
}

function condition(source: string, pointer: string, by: Rewriting): string {
  return rewriteCondition(source, {
    step: (name) => stepOf(name, pointer, by),
    input: (name) => {
      const { value } = inputOf(name, pointer, by);
      if (typeof value !== 'string' || !value.includes('{{')) return JSON.stringify(value);
      const expression = expressionOf(value);
      if (expression === undefined) {
        by.report(
          pointer,
          `\`inputs.${name}\` is \`${value.slice(0, 60)}\`, which a condition can't hold; compare it in the pipeline`,
        );
      }
      return expression ?? '""';
    },
  });
}

const VARIABLES: Record<string, string> = { Branch: 'branch', Commit: 'commit' };

/** A template that is one reference, in CEL. */
function expressionOf(template: string): string | undefined {
  try {
    const [part, another] = parseTemplate(template);
    if (!part || another || !('path' in part)) return undefined;
    const [root = '', name, , output] = part.path;
    if (Object.hasOwn(VARIABLES, root)) return VARIABLES[root];
    if (root === 'Inputs') return `inputs[${JSON.stringify(name)}]`;
    if (root === 'Matrix') return `matrix[${JSON.stringify(name)}]`;
    if (root === 'Steps') return `steps[${JSON.stringify(name)}].outputs[${JSON.stringify(output)}]`;
    return undefined;
  } catch (error) {
    if (error instanceof TemplateError) return undefined;
    throw error;
  }
}
