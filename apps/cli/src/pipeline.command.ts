/** Commands for definitions of pipelines that the control plane knows. */
import type { CommandContext, PageOptions } from './context.js';
import { ago } from './text/duration.js';
import { table } from './text/table.js';
import { terminalText } from './text/terminal-text.js';

export async function validateAtServer({ api, out }: CommandContext, files: string[]): Promise<void> {
  const { validateFiles } = await import('./validate.command.js');
  await validateFiles(
    out,
    files,
    async ({ text, files }) => (await api.validatePipeline(text, files)).errors,
  );
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

export async function pipelineTests(
  { api, out }: CommandContext,
  pipeline: string,
  query: PageOptions,
): Promise<void> {
  const page = await api.listTests(pipeline, { ...query });
  if (out.format === 'json') return out.json(page);
  if (page.tests.length === 0) return out.line('no test failed lately');
  const rows = page.tests.map((test) => [
    terminalText(test.name, false),
    test.flaky ? 'flaky' : 'failing',
    `${test.failures}`,
    terminalText(test.step, false),
    ago(test.last_failed_at, Date.now()),
    test.last_run_id,
  ]);
  out.line(table(['TEST', '', 'FAILURES', 'STEP', 'LAST FAILED', 'LATEST RUN'], rows));
  if (page.next_cursor) out.note(`${page.total} in all; the next ones: --cursor ${page.next_cursor}`);
}
