import { describe, expect, it } from '@jest/globals';
import { runStep } from '../run-step.js';
import { stepBench } from '../step.fixtures.js';

describe('a step on the host', () => {
  const bench = stepBench();
  const run = (command: string) =>
    runStep(bench.step('step.shell_exec', { commands: [command, 'echo done'], artifacts_out: [] }));

  it('that makes a pipe of the file for its outputs is told so, and not waited for', async () => {
    await expect(run('rm "$HYBRID_OUTPUT"; mkfifo "$HYBRID_OUTPUT"')).rejects.toThrow(
      'the file that $HYBRID_OUTPUT names cannot be read: it is not a file',
    );
  });

  it('cannot have another file of the machine read as its outputs', async () => {
    await expect(run('ln -sf /etc/passwd "$HYBRID_OUTPUT"')).rejects.toThrow(
      /the file that \$HYBRID_OUTPUT names cannot be read: ELOOP/,
    );
  });

  it('takes no more memory than outputs may, however long their file is', async () => {
    const before = process.memoryUsage().rss;
    await expect(run('echo a=b > "$HYBRID_OUTPUT"; truncate -s 1500M "$HYBRID_OUTPUT"')).rejects.toThrow(
      /\$HYBRID_OUTPUT/,
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(500 * 1024 ** 2);
  });
});
