/** `hybrid pipeline graph`: a picture of a definition, or of a run with how its steps fare. */
import type { RunView, StepView } from '@hybrid/contracts';
import { graphDot, graphMermaid, graphText, type Definition, type StatusOf } from '@hybrid/pipeline';
import type { CommandContext } from './context.js';
import { CommandError } from './errors.js';
import { EXIT } from './exit-codes.js';
import type { Output } from './output.js';
import { checkedDefinition } from './validate.command.js';

const FORMATS = { text: graphText, mermaid: graphMermaid, dot: graphDot };
export type GraphFormat = keyof typeof FORMATS;

export async function graphOfFile(out: Output, file: string | undefined, format: GraphFormat): Promise<void> {
  const definition = await checkedDefinition(out, file);
  if (!definition) throw new CommandError('there is no picture of a definition that has errors', EXIT.failed);
  print(out, format, definition);
}

export async function graphOfRun(
  { api, out }: CommandContext,
  id: string,
  format: GraphFormat,
): Promise<void> {
  const run = await api.getRun(id);
  const byName = new Map<string, StepView[]>();
  for (const step of run.steps) byName.set(step.name, [...(byName.get(step.name) ?? []), step]);
  print(out, format, definitionOf(run, byName), (name) => statusOf(byName.get(name) ?? []));
}

function print(out: Output, format: GraphFormat, definition: Definition, status?: StatusOf): void {
  const picture = FORMATS[format](definition, status);
  if (out.format === 'json') out.json({ format, graph: picture });
  else out.line(picture.trimEnd());
}

/** As far as a picture needs it: the run knows steps that were appended, and the stored pipeline may have changed since. */
function definitionOf(run: RunView, byName: Map<string, StepView[]>): Definition {
  const nameOf = new Map(run.steps.map(({ id, name }) => [id, name]));
  const steps = [...byName].map(([name, instances]) => ({
    name,
    type: instances[0]!.type,
    needs: [...new Set(instances[0]!.needs.map((need) => nameOf.get(need) ?? need))],
    if: null,
    matrix: {},
    parallel: instances.length,
    continue_on_error: false,
    config: {},
  }));
  return { name: run.pipeline, env: {}, inputs: {}, steps: steps as unknown as Definition['steps'] };
}

/** `succeeded`, or of several instances `3 succeeded, 1 failed`. */
function statusOf(instances: StepView[]): string {
  const counts = new Map<string, number>();
  for (const { status } of instances)
    counts.set(status.toLowerCase(), (counts.get(status.toLowerCase()) ?? 0) + 1);
  if (counts.size === 1) return [...counts.keys()][0]!;
  return [...counts].map(([status, count]) => `${count} ${status}`).join(', ');
}
