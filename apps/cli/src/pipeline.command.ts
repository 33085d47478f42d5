/** Commands for definitions of pipelines. */
import type { CommandContext, PageOptions } from './context.js';
import { EXIT } from './exit-codes.js';
import { PIPELINE_FILE, readDefinitionFile } from './pipeline-definition.js';
import { reportFieldErrors } from './report.js';
import { ago } from './text/duration.js';
import { table } from './text/table.js';

export async function validatePipeline({ api, out }: CommandContext, file = PIPELINE_FILE): Promise<void> {
  const definition = await readDefinitionFile(file, 'the file to validate');
  const report = await api.validatePipeline(definition.text);
  if (!report.valid) process.exitCode = EXIT.failed;
  if (out.format === 'json') return out.json(report);
  if (report.valid) return out.line(`${file} is valid`);
  reportFieldErrors(out, file, report.errors);
}

export async function listPipelines({ api, out }: CommandContext, query: PageOptions): Promise<void> {
  const page = await api.listPipelines({ ...query });
  if (out.format === 'json') return out.json(page);
  const rows = page.pipelines.map(({ id, version, updated_at }) => [
    id,
    `${version}`,
    ago(updated_at, Date.now()),
  ]);
  out.line(table(['PIPELINE', 'VERSION', 'CHANGED'], rows));
}
