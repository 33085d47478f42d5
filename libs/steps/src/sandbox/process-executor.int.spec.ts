import { describe, expect, it } from '@jest/globals';
import { pbkdf2 } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
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

  it('is written down before it is heard of, so that it can be ended however early its agent is killed', async () => {
    const { executor, workspace, scratch } = bench.step('step.shell_exec', {});
    const said = new Map<string, string>();
    await executor.run(
      {
        jobId: 'the-job',
        attempt: 1,
        text: 'echo $$',
        env: {},
        workspace,
        scratch,
        workDir: '/workspace',
        network: 'none',
        // The script runs by now, and nothing that waits for a thread of node's goes on.
        progressFrom: () => {
          for (let busy = 0; busy < 8; busy++) pbkdf2('', '', 150_000, 64, 'sha512', () => undefined);
        },
      },
      async (_, chunk) => {
        said.set(chunk.toString().trim(), readFileSync(join(scratch, 'group'), 'utf8').split(' ')[0]!);
      },
      () => undefined,
      new AbortController().signal,
    );
    const [[pid, written] = []] = said;
    expect([pid, written]).toEqual([expect.stringMatching(/^\d+$/), pid]);
  });

  it('takes no more memory than outputs may, however long their file is', async () => {
    const before = process.memoryUsage().rss;
    await expect(run('echo a=b > "$HYBRID_OUTPUT"; truncate -s 1500M "$HYBRID_OUTPUT"')).rejects.toThrow(
      /\$HYBRID_OUTPUT/,
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(500 * 1024 ** 2);
  });
});
