/** Checks that every artifact is stored by one step only, and that what is fetched has been stored by then. */
import { sourcesOfPush } from '../artifacts.js';
import { MAX_INSTANCES, type ScanStep, type StepDefinition } from '../definition.js';
import type { Draft } from './draft.js';
import { instanceCount, instancesOf, isSpread } from '../expand.js';
import { comesAfter } from '../graph.js';
import { render, TemplateError } from '../template.js';

interface Stored {
  instance: string;
  /** The step that declares it, and where in its list. */
  step: number;
  item: number;
  /** Steps after which it is there: the one that stores it, and for a push also the one whose files it takes. */
  after: number[];
}

/** Artifacts by key; the values of the matrix are put in, other templates stand as they are. */
type StoredArtifacts = Map<string, Stored>;

export function checkArtifacts(draft: Draft): void {
  if (draft.definition.steps.reduce((sum, step) => sum + instanceCount(step), 0) > MAX_INSTANCES) return;
  const stored: StoredArtifacts = new Map();
  draft.definition.steps.forEach((step, index) => {
    if (!usable(draft, step, index)) return;
    if (step.type === 'step.artifact_push') {
      checkPush(draft, index);
      note(draft, stored, step.config.key, `/steps/${index}/config/key`, index);
    } else if (step.type === 'step.shell_exec' || step.type === 'step.plugin') {
      step.config.artifacts_out.forEach(({ key }, item) =>
        note(draft, stored, key, `/steps/${index}/config/artifacts_out/${item}/key`, index, item),
      );
    } else if (isScan(step) && step.config.artifact_key !== undefined) {
      note(draft, stored, step.config.artifact_key, `/steps/${index}/config/artifact_key`, index);
    }
  });
  if (
    !draft.definition.steps.every((step, index) => usable(draft, step, index)) ||
    draft.graph.cycles.length > 0
  )
    return;
  const known = { stored, templated: [...stored].flatMap(([key, by]) => (key.includes('{{') ? [by] : [])) };
  draft.definition.steps.forEach((step, index) => {
    if (step.type === 'step.artifact_pull') {
      const { source, key, execution_id } = step.config;
      const at = `/steps/${index}/config`;
      if (source === 'artifact_store' && execution_id === undefined)
        checkFetched(draft, known, key, `${at}/key`, index);
      if (source === 'previous_execution' && execution_id !== undefined) {
        draft.report(
          `${at}/execution_id`,
          '`execution_id` goes with `source: artifact_store`; remove one of them',
        );
      }
    } else if (step.type === 'step.shell_exec' || step.type === 'step.plugin') {
      step.config.artifacts_in.forEach(({ key, execution_id }, item) => {
        if (execution_id !== undefined) return;
        checkFetched(draft, known, key, `/steps/${index}/config/artifacts_in/${item}/key`, index);
      });
    }
  });
}

/** Whether type, config and matrix have the right shape. */
function usable({ sound }: Draft, step: StepDefinition, index: number): boolean {
  const at = `/steps/${index}`;
  return sound(`${at}/config`) && sound(`${at}/matrix`) && sound(`${at}/type`);
}

function isScan(step: StepDefinition): step is ScanStep {
  return step.type.startsWith('step.scan_');
}

function checkPush({ definition, graph, report }: Draft, index: number): void {
  const sources = sourcesOfPush(definition, graph.indexOf, index).map((source) => definition.steps[source]!);
  const at = `/steps/${index}/needs`;
  if (sources.length > 1) {
    const names = sources.map(({ name }) => name).join(' and ');
    report(
      at,
      `whose files are pushed is not clear: ${names} are shell steps; need one of them, or use \`artifacts_out\` there`,
    );
  } else if (sources[0] && isSpread(sources[0])) {
    report(
      at,
      `\`${sources[0].name}\` has a matrix, so its files are not one workspace; use \`artifacts_out\` there`,
    );
  }
}

/** `item`: of a list of artifacts, of which no two have one key. */
function note(
  draft: Draft,
  stored: StoredArtifacts,
  template: string,
  pointer: string,
  index: number,
  item = 0,
): void {
  const { definition, graph, report } = draft;
  const step = definition.steps[index]!;
  const literal = template.replace(/\{\{[^{}]{0,200}\}\}/g, '');
  if (!/^[A-Za-z0-9._-]*$/.test(literal)) {
    return report(pointer, 'a key must be made of letters, digits, dots, dashes, underscores and templates');
  }
  const after =
    step.type === 'step.artifact_push'
      ? [index, ...sourcesOfPush(definition, graph.indexOf, index)]
      : [index];
  for (const key of keysOf(template, step)) {
    const other = stored.get(key.value);
    if (!other) {
      stored.set(key.value, { instance: key.instance, after, step: index, item });
      continue;
    }
    // Of the instances of a step the first with the key stores it.
    if (other.step === index && other.item === item && step.type !== 'step.artifact_push') continue;
    const who =
      other.instance === key.instance
        ? `${key.instance} would twice`
        : `${other.instance} and ${key.instance} would both`;
    return report(pointer, `${who} store \`${key.value}\`; choose another key`);
  }
}

function checkFetched(
  draft: Draft,
  { stored, templated }: { stored: StoredArtifacts; templated: Stored[] },
  template: string,
  pointer: string,
  index: number,
): void {
  const before = ({ after }: Stored): boolean => after.some((step) => comesAfter(draft.graph, index, step));
  for (const { value } of keysOf(template, draft.definition.steps[index]!)) {
    const found = stored.get(value);
    if (value.includes('{{') || (found && before(found))) continue;
    // Which key a template makes is known only in the run.
    if (templated.some(before)) return;
    return draft.report(pointer, `no step that this one needs stores \`${value}\``);
  }
}

/** The key of each instance; none if the template is wrong, which has been reported. */
function keysOf(template: string, step: StepDefinition): { value: string; instance: string }[] {
  try {
    return instancesOf(step, 0).map(({ id, matrix }) => ({
      value: render(template, { Matrix: matrix }),
      instance: id,
    }));
  } catch (error) {
    if (error instanceof TemplateError) return [];
    throw error;
  }
}
