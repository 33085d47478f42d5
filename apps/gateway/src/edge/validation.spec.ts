import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { EnqueueJob, ListQuery, ProblemError } from '@hybrid/contracts';
import { listReply } from './list-reply.js';
import { validation } from './validation.js';

const step = { id: 's', name: 's', type: 'step.shell_exec', config: {} };

describe('input', () => {
  it('that is right becomes an instance', async () => {
    expect(await check(EnqueueJob, { spec: { step } })).toBeInstanceOf(EnqueueJob);
  });

  it.each<[what: string, input: object, paths: string[]]>([
    ['an unknown field', { spec: { step }, nope: 1 }, ['nope']],
    ['an unknown field inside', { spec: { step: { ...step, nope: 1 } } }, ['spec.step.nope']],
    [
      'a wrong item of a list',
      { spec: { step, artifacts_out: [{ key: 'a' }] } },
      ['spec.artifacts_out.0.path'],
    ],
    ['nothing at all', {}, ['spec']],
  ])('is refused by path: %s', async (_, input, paths) => {
    const { code, errors } = await refusal(check(EnqueueJob, input));
    expect(code).toBe('invalid_input');
    expect([...new Set(errors?.map(({ path }) => path))]).toEqual(paths);
  });

  it('may be nested as deep as a step may need, not deeper', async () => {
    const nested = (levels: number): object => (levels > 1 ? { a: nested(levels - 1) } : {});
    const job = (levels: number) => ({ spec: { step: { ...step, config: nested(levels) } } });
    expect(await check(EnqueueJob, job(20))).toBeInstanceOf(EnqueueJob);
    const { errors } = await refusal(check(EnqueueJob, job(21)));
    expect(errors).toHaveLength(1);
    expect(errors![0]).toMatchObject({ path: 'spec.step.config' });
    expect(errors![0]!.message).toContain('20 levels');
    expect((await refusal(check(EnqueueJob, job(60)))).detail).toContain('50 levels');
    expect((await refusal(check(EnqueueJob, job(5_000)))).detail).toContain('50 levels');
  });

  it.each(['', 'a'.repeat(201), 'a\nb', 'a\u0000'])('in a path is a name: %j is none', async (name) => {
    const asked = validation().transform(name, { type: 'param', data: 'job_id', metatype: String });
    expect(await refusal(asked)).toMatchObject({ code: 'invalid_input', errors: [{ path: 'job_id' }] });
    const longest = 'ü'.repeat(200);
    expect(await validation().transform(longest, { type: 'param', data: 'job_id' })).toBe(longest);
  });

  it('of a query string is read as numbers where numbers are meant', async () => {
    expect(await check(ListQuery, { limit: '7' }, 'query')).toEqual({ limit: 7 });
  });
});

describe('a list', () => {
  it('is answered under the name of its things', () => {
    expect(listReply('jobs', { items: [1, 2], total: 5, next_cursor: 'x' })).toEqual({
      jobs: [1, 2],
      total: 5,
      next_cursor: 'x',
    });
  });
});

function check(metatype: new () => object, input: object, type: 'body' | 'query' = 'body'): Promise<unknown> {
  return validation().transform(input, { type, metatype });
}

async function refusal(work: Promise<unknown>) {
  try {
    await work;
  } catch (error) {
    if (error instanceof ProblemError) return error.problem;
    throw error;
  }
  throw new Error('it was accepted');
}
