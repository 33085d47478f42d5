/** Checks how often steps run: sizes, and names that tell the instances apart. */
import { MAX_INSTANCES, MAX_MATRIX, type StepDefinition } from '../definition.js';
import { child } from '../document.js';
import { instanceCount, instancesOf, isSpread } from '../expand.js';
import { didYouMean } from '../nearest.js';
import { listOf, mapOf } from '../normalise/raw.js';
import type { Draft } from './draft.js';

/** Ids are shown in lists and travel in messages. */
const MAX_ID = 200;

export function checkMatrix(draft: Draft): void {
  const { definition, report, sound } = draft;
  let instances = 0;
  definition.steps.forEach((step, index) => {
    instances += instanceCount(step);
    const at = `/steps/${index}`;
    if (!sound(`${at}/matrix`)) return;
    checkStep(draft, step, at);
    if (!isSpread(step)) {
      for (const key of ['max_parallel', 'fail_fast'] as const) {
        if (step[key] === undefined) continue;
        report(
          `${at}/${key}`,
          `\`${key}\` goes with \`matrix\` or \`parallel\`; without, the step runs once`,
        );
      }
    }
  });
  if (instances > MAX_INSTANCES) {
    report(
      '/steps',
      `the run would have ${instances} steps with those of the matrices, more than ${MAX_INSTANCES}`,
    );
  }
}

function checkStep(draft: Draft, step: StepDefinition, at: string): void {
  const { report } = draft;
  const pointer = `${at}/matrix`;
  const product = instanceCount({ matrix: step.matrix });
  const size = Math.max(instanceCount(step), step.combinations ? product : 0);
  if (size > MAX_MATRIX) {
    const what = step.parallel === undefined ? 'combinations' : 'combinations and parts';
    return report(
      product > 1 ? pointer : `${at}/parallel`,
      `the matrix has ${size} ${what}, more than ${MAX_MATRIX}`,
    );
  }
  if (step.parallel !== undefined && Object.hasOwn(step.matrix, 'parallel')) {
    report(
      `${pointer}/parallel`,
      '`parallel` names the parts of a step that has `parallel`; call it otherwise',
    );
  }
  for (const [key, values] of Object.entries(step.matrix)) {
    values.forEach((value, index) => {
      const place = `${child(pointer, key)}/${index}`;
      if (values.indexOf(value) !== index) report(place, `\`${value}\` is there twice`);
      checkValue(draft, value, place);
    });
  }
  if (step.combinations) checkAdjusted(draft, step, pointer);
  if (instancesOf(step, 0).some(({ id }) => id.length > MAX_ID)) {
    report(pointer, `name and values together must have at most ${MAX_ID} characters`);
  }
}

/** The values are part of the step's id: test[node=20,os=linux]. */
function checkValue({ report }: Draft, value: string, pointer: string): void {
  if (!/^[^,[\]{}\p{Cc}]+$/u.test(value))
    report(pointer, 'a value of a matrix must not be empty or hold , [ ] { } or line breaks');
}

/** What `include` and `exclude` say, and what they make of the matrix. */
function checkAdjusted(draft: Draft, step: StepDefinition, pointer: string): void {
  const { document, report } = draft;
  const written = mapOf(mapOf(listOf(mapOf(document.value).steps)[Number(pointer.split('/')[2])]).matrix);
  const names = Object.keys(step.matrix);
  listOf(written.include).forEach((values, index) => {
    for (const [key, value] of Object.entries(mapOf(values))) {
      checkValue(draft, String(value), `${pointer}/include/${index}${child('', key)}`);
    }
  });
  listOf(written.exclude).forEach((values, index) => {
    for (const key of Object.keys(mapOf(values))) {
      if (names.includes(key)) continue;
      report(
        `${pointer}/exclude/${index}${child('', key)}`,
        `the matrix has no list \`${key}\`${didYouMean(key, names)}`,
      );
    }
  });
  if (step.combinations!.length === 0) return report(pointer, '`exclude` leaves no combination');
  const ids = instancesOf(step, 0).map(({ id }) => id);
  const seen = new Set<string>();
  const twice = ids.find((id) => seen.has(id) || !seen.add(id));
  if (twice !== undefined) report(pointer, `\`include\` makes \`${twice}\` twice`);
}
