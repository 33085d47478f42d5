/**
 * Puts the steps of reusable templates where `uses: ./path.yaml` stands. A template's step `build`, used by the step
 * `web`, is called `web-build`; where each came from is remembered, so that errors name file, line and column.
 */
import { DEFINITION_MAX, type FieldError } from '@hybrid/contracts';
import { MAX_STEPS } from '../definition.js';
import { templateSchema } from '../definition.schema.js';
import { child, pathOf, readDocument, type SourceDocument } from '../document.js';
import { listOf, mapOf, textOf, textsOf, type RawMap } from '../normalise/raw.js';
import { shapeCheck } from '../shape.js';
import { inputsFor } from './inputs-for.js';
import { pathOfUse } from './named-files.js';
import { rewrite } from './rewrite.js';

const shapeErrors = shapeCheck(templateSchema);

/** Templates that use templates. */
const MAX_NESTING = 3;
/** From then on templates are not looked into: there are more errors than are shown. */
const MAX_ERRORS = 100;
/** Of a step's full name. */
const MAX_NAME = 100;
/** What may stand beside `uses: ./path`; the rest belongs into the template's steps. */
const BESIDE_USES = ['name', 'uses', 'with', 'needs', 'if', 'env'];

/** A file as it is used once: the values of its inputs are put in. */
export interface Part {
  /** From the repository's root; undefined for the pipeline itself. */
  file?: string;
  document: SourceDocument;
  /** Paths of what has the wrong shape. */
  misshapen: string[];
}

/** Where a value was written. */
export interface Origin {
  part: Part;
  pointer: string;
}

export interface Spliced {
  /** With all steps; pointers into it are traced back by `originOf`. */
  value: RawMap;
  originOf(pointer: string): Origin;
  /** Names of the steps that came for a step with `uses: ./path`, by its full name. */
  templates: Map<string, string[]>;
  errors: FieldError[];
}

interface Placed {
  raw: RawMap;
  origin: Origin;
  /** What was written elsewhere: pointers within the step. */
  elsewhere: Map<string, Origin>;
}

/** A step of a file with all that came for it. */
interface Group {
  written: RawMap;
  origin: Origin;
  steps: Placed[];
}

/** `files`: texts by their paths from the repository's root. */
export function splice(pipeline: Part, files: Record<string, string>): Spliced {
  const splicer = new Splicer(files);
  const steps = splicer.stepsOf(pipeline, '', []);
  const root = mapOf(pipeline.document.value);
  const { errors, templates } = splicer;
  if (steps.length > MAX_STEPS && listOf(root.steps).length <= MAX_STEPS) {
    splicer.report(
      { part: pipeline, pointer: '/steps' },
      `more than ${MAX_STEPS} steps with those of the templates`,
    );
  }
  const value = Array.isArray(root.steps) ? { ...root, steps: steps.map(({ raw }) => raw) } : root;
  return { value, originOf: (pointer) => originOf(pipeline, steps, pointer), templates, errors };
}

function originOf(pipeline: Part, steps: Placed[], pointer: string): Origin {
  const [, index, rest = ''] = /^\/steps\/(\d+)(\/.*)?$/s.exec(pointer) ?? [];
  const step = index === undefined ? undefined : steps[Number(index)];
  if (!step) return { part: pipeline, pointer };
  for (let at = rest; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
    const other = step.elsewhere.get(at);
    if (other) return { part: other.part, pointer: other.pointer + rest.slice(at.length) };
  }
  return { part: step.origin.part, pointer: step.origin.pointer + rest };
}

class Splicer {
  readonly errors: FieldError[] = [];
  readonly templates = new Map<string, string[]>();
  private readonly files: Map<string, string>;
  private readonly read = new Map<string, SourceDocument | undefined>();
  /** Characters of all that is used, each time that it is used: bounds time and memory. */
  private characters = 0;
  /** So far; what comes after too many is not looked into. */
  private steps = 0;

  constructor(files: Record<string, string>) {
    this.files = new Map(
      Object.entries(files).map(([path, text]) => [
        pathOfUse(`./${path.replace(/^\.\//, '')}`) ?? path,
        text,
      ]),
    );
  }

  report({ part, pointer }: Origin, message: string, position = part.document.positionOf(pointer)): void {
    this.errors.push({ path: pathOf(pointer), message, ...(part.file && { file: part.file }), ...position });
  }

  /** All steps of a file, those of its templates in their places. */
  stepsOf(part: Part, prefix: string, chain: string[]): Placed[] {
    const written = listOf(mapOf(part.document.value).steps);
    const groups = written.map((step, index) =>
      this.groupOf({ part, pointer: `/steps/${index}` }, mapOf(step), prefix, chain),
    );
    const ends = new Map<string, string[]>();
    for (const { written: step, steps } of groups) {
      const name = textOf(step.name);
      if (name !== undefined && !ends.has(name)) ends.set(name, endsOf(steps));
    }
    for (const group of groups) resolveNeeds(group, (need) => ends.get(need) ?? [prefix + need]);
    return groups.flatMap(({ steps }) => steps);
  }

  private groupOf(origin: Origin, written: RawMap, prefix: string, chain: string[]): Group {
    const name = textOf(written.name);
    const full = name === undefined ? undefined : prefix + name;
    const raw = prefix === '' || full === undefined ? written : { ...written, name: full };
    const itself = { written, origin, steps: [{ raw, origin, elsewhere: new Map<string, Origin>() }] };
    if (full !== undefined && full.length > MAX_NAME && prefix !== '') {
      this.report(
        origin,
        `the step would be called \`${full.slice(0, 60)}…\`, longer than ${MAX_NAME} characters`,
      );
    }
    const uses = textOf(written.uses);
    const enough = this.errors.length > MAX_ERRORS || this.steps > MAX_STEPS;
    if (!uses?.startsWith('./') || full === undefined || enough) {
      this.steps++;
      return itself;
    }
    for (const key of Object.keys(written).filter((other) => !BESIDE_USES.includes(other))) {
      const at = { part: origin.part, pointer: child(origin.pointer, key) };
      this.report(
        at,
        `\`${key}\` does not go with a template; write it in the template's steps`,
        origin.part.document.positionOfKey(at.pointer),
      );
    }
    const steps = this.use(origin, written, uses, `${full}-`, chain);
    if (!steps) return itself;
    this.templates.set(
      full,
      steps.map(({ raw: step }) => String(step.name)),
    );
    return { written, origin, steps: steps.map((step) => inherit(step, written, origin)) };
  }

  /** The steps of a template; undefined if it cannot be used, which is reported. */
  private use(
    origin: Origin,
    written: RawMap,
    uses: string,
    prefix: string,
    chain: string[],
  ): Placed[] | undefined {
    const at = { part: origin.part, pointer: `${origin.pointer}/uses` };
    const file = pathOfUse(uses);
    const shown = uses.slice(0, 100);
    if (file === undefined) return void this.report(at, `\`${shown}\` leads out of the repository`);
    if (chain.includes(file))
      return void this.report(
        at,
        `templates use each other in a circle: ${[...chain.slice(chain.indexOf(file)), file].join(' → ')}`,
      );
    if (chain.length >= MAX_NESTING)
      return void this.report(
        at,
        `templates may use templates ${MAX_NESTING} deep; this one would be deeper`,
      );
    const text = this.files.get(file);
    if (text === undefined)
      return void this.report(at, `there is no file \`${shown}\`; paths count from the repository's root`);
    this.characters += text.length;
    if (this.characters > DEFINITION_MAX)
      return void this.report(
        at,
        `the templates have more than ${DEFINITION_MAX} characters, each use counted; use fewer`,
      );
    const document = this.documentOf(file, text);
    return (
      document &&
      this.stepsOf(this.partOf(origin, written, { file, document }, prefix), prefix, [...chain, file])
    );
  }

  private documentOf(file: string, text: string): SourceDocument | undefined {
    if (!this.read.has(file)) {
      const { document, errors } = readDocument(text);
      this.errors.push(...errors.map((error) => ({ ...error, file })));
      this.read.set(file, document);
    }
    return this.read.get(file);
  }

  /** The template with the values of its inputs, and its shape checked. */
  private partOf(
    origin: Origin,
    written: RawMap,
    { file, document }: { file: string; document: SourceDocument },
    prefix: string,
  ): Part {
    const { steps, ...rest } = mapOf(document.value);
    const unused: Part = { file, document, misshapen: [] };
    const names = listOf(steps).map((step) => mapOf(step));
    const texts = new Map<string, string>();
    const faulty: string[] = [];
    const rewritten = rewrite(steps, '/steps', {
      inputs: inputsFor(rest.inputs, written, origin, (at, message) => this.report(at, message)),
      fullName: (name) =>
        names.some(
          (step) =>
            step.name === name || (step.uses !== undefined && name.startsWith(`${String(step.name)}-`)),
        )
          ? prefix + name
          : undefined,
      report: (pointer, message) => {
        this.report({ part: unused, pointer }, message);
        faulty.push(pathOf(pointer));
      },
      written: (pointer, text) => texts.set(pointer, text),
    });
    const value = Array.isArray(document.value)
      ? document.value
      : { ...rest, ...(steps !== undefined && { steps: rewritten }) };
    const part: Part = {
      file,
      document: { ...document, value, textOf: (pointer) => texts.get(pointer) ?? document.textOf(pointer) },
      misshapen: [],
    };
    const errors = shapeErrors(part.document, MAX_ERRORS + 1);
    part.misshapen = [...faulty, ...errors.map(({ path }) => path)];
    this.errors.push(...errors.map((error) => ({ ...error, file })));
    return part;
  }
}

/** Names of the steps that none of the others needs. */
function endsOf(steps: Placed[]): string[] {
  const needed = new Set(steps.flatMap(({ raw }) => textsOf(raw.needs)));
  return steps.map(({ raw }) => String(raw.name)).filter((name) => !needed.has(name));
}

/** The needs of what was written become those of the step, or of the template's steps that need nothing yet. */
function resolveNeeds({ written, origin, steps }: Group, targets: (need: string) => string[]): void {
  const own = textsOf(written.needs);
  const needs: string[] = [];
  const elsewhere = new Map<string, Origin>();
  own.forEach((need, index) => {
    const found = targets(need);
    for (const name of found) {
      // Of a template's ends one may be named beside the template; a need that is written twice is an error.
      if (found.length > 1 && needs.includes(name)) continue;
      elsewhere.set(`/needs/${needs.length}`, {
        part: origin.part,
        pointer: `${origin.pointer}/needs/${index}`,
      });
      needs.push(name);
    }
  });
  const same = needs.every((need, index) => need === own[index]);
  const isTemplate = steps.length !== 1 || steps[0]!.origin !== origin;
  if (same && !isTemplate) return;
  const starts = isTemplate ? steps.filter(({ raw }) => textsOf(raw.needs).length === 0) : steps;
  for (const start of starts) {
    start.raw = { ...start.raw, needs };
    for (const [pointer, place] of elsewhere) start.elsewhere.set(pointer, place);
  }
}

/** `env` of the using step comes before the template's; its `if` is asked by each step that begins, or asks itself. */
function inherit(step: Placed, written: RawMap, { part, pointer }: Origin): Placed {
  const raw = { ...step.raw };
  const elsewhere = new Map(step.elsewhere);
  const env = mapOf(written.env);
  if (Object.keys(env).length > 0) {
    const own = mapOf(raw.env);
    raw.env = { ...env, ...own };
    for (const key of Object.keys(env)) {
      if (Object.hasOwn(own, key)) continue;
      elsewhere.set(child('/env', key), { part, pointer: child(`${pointer}/env`, key) });
    }
  }
  const outer = textOf(written.if);
  const inner = textOf(raw.if);
  if (outer !== undefined && inner !== undefined) raw.if = `(${outer}) && (${inner})`;
  else if (outer !== undefined && textsOf(raw.needs).length === 0) {
    raw.if = outer;
    elsewhere.set('/if', { part, pointer: `${pointer}/if` });
  }
  return { ...step, raw, elsewhere };
}
