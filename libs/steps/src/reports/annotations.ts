/** Annotations of a step: the lines `::error file=a.ts,line=3::text` of its output, and those with warning and notice. */
import { REPORT_LIST_MAX, type Annotation } from '@hybrid/contracts';
import { handleCommand, type WorkflowCommand } from '../output/workflow-command.js';
import { insideWorkspace } from '../files/workspace-path.js';

export class Annotations {
  readonly list: Annotation[] = [];
  /** Those beyond the limit. */
  left = 0;
  readonly #handlers = {
    error: (command: WorkflowCommand) => this.#add('error', command),
    warning: (command: WorkflowCommand) => this.#add('warning', command),
    notice: (command: WorkflowCommand) => this.#add('notice', command),
  };

  constructor(private readonly workDir: string) {}

  /** A masked line of the output. */
  see(line: string): void {
    if (line.includes('::')) handleCommand(line, this.#handlers);
  }

  #add(level: Annotation['level'], { properties, text }: WorkflowCommand): void {
    if (text.trim() === '') return;
    if (this.list.length === REPORT_LIST_MAX) {
      this.left++;
      return;
    }
    const title = properties.get('title');
    const file = fileName(properties.get('file') ?? '', this.workDir);
    const line = number(properties.get('line'), 10_000_000);
    const column = number(properties.get('col') ?? properties.get('column'), 100_000);
    this.list.push({
      level,
      message: text.slice(0, 2_000),
      ...(title && { title: title.slice(0, 200) }),
      ...(file && { file: file.slice(0, 500) }),
      ...(line !== undefined && { line }),
      ...(column !== undefined && { column }),
    });
  }
}

/** In the workspace where it lies there: the file's name in the repository. */
export function fileName(file: string, workDir: string): string {
  try {
    return file.startsWith('/') ? insideWorkspace(file, workDir) : file.replace(/^(\.\/)+/, '');
  } catch {
    return file;
  }
}

function number(text: string | undefined, max: number): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) && Number(text) <= max ? Number(text) : undefined;
}
