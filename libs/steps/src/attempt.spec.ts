import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { makeAttemptFolders, maskedLines, maskedResult, resultOf, stopAfter } from './attempt.js';
import { Masker } from './output/masking.js';
import { StepProblem, StepStopped } from './step.js';

const never = new AbortController().signal;
const nothing = { outputs: {}, artifacts: [] };

describe('the result of an attempt', () => {
  it('is what the step answers', async () => {
    const result = { exitCode: 3, ...nothing };
    expect(
      await resultOf(
        () => Promise.resolve(result),
        never,
        () => undefined,
      ),
    ).toBe(result);
  });

  it('is a failure where the step could not be run, of which nobody else needs to hear', async () => {
    const heard: string[] = [];
    const result = await resultOf(
      () => Promise.reject(new StepProblem('no image')),
      never,
      (t) => heard.push(t),
    );
    expect(result).toEqual({ exitCode: -1, errorMessage: 'no image', ...nothing });
    expect(heard).toEqual([]);
  });

  it('is a failure where something broke, which is told', async () => {
    const heard: string[] = [];
    const result = await resultOf(
      () => Promise.reject(new Error('EIO')),
      never,
      (text) => heard.push(text),
    );
    expect(result).toMatchObject({ exitCode: -1, errorMessage: 'EIO' });
    expect(heard).toEqual(['EIO']);
  });

  it('is 124 when its time is over, whatever the step then says', async () => {
    const control = new AbortController();
    stopAfter(0.01, control);
    const step = () =>
      new Promise<never>((_, reject) =>
        control.signal.addEventListener('abort', () => reject(new Error('killed'))),
      );
    expect(await resultOf(step, control.signal, () => undefined)).toEqual({
      exitCode: 124,
      errorMessage: 'timed out after 0.01 s',
      ...nothing,
    });
  });

  it('is none where the job was taken away, also before it began', async () => {
    const control = new AbortController();
    control.abort(new StepStopped('lost', 'gone'));
    let ran = false;
    const step = async () => ((ran = true), Promise.resolve({ exitCode: 0, ...nothing }));
    await expect(resultOf(step, control.signal, () => undefined)).rejects.toThrow('gone');
    expect(ran).toBe(false);
  });

  it('holds no secret and no control character when it leaves', () => {
    const masker = new Masker(['hunter22']);
    const result = maskedResult(
      {
        exitCode: 1,
        errorMessage: 'a hunter22\r\nb\u001b[2J',
        outputs: { token: 'is hunter22', for_hunter22: 'a name' },
        artifacts: [],
      },
      masker,
    );
    expect(result.errorMessage).toBe('a ***\nb\ufffd[2J');
    expect(result.outputs).toEqual({ token: 'is ***', 'for_***': 'a name' });
    expect(maskedLines('x\ny', masker)).toEqual(['x', 'y']);
  });
});

describe('the folders of an attempt', () => {
  it('are empty, and for this user alone', async () => {
    const root = mkdtempSync(join(tmpdir(), 'hybrid-attempt-'));
    try {
      const first = await makeAttemptFolders(join(root, 'job'));
      writeFileSync(join(first.workspace, 'left'), '');
      const { workspace, scratch } = await makeAttemptFolders(join(root, 'job'));
      expect(readdirSync(workspace)).toEqual([]);
      expect(statSync(workspace).mode & 0o777).toBe(0o700);
      expect(existsSync(scratch)).toBe(true);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});
