import { beforeAll, describe, expect, it } from '@jest/globals';
import type { ClaimedJob, RunProof } from '@hybrid/contracts';
import { CompactSign } from 'jose';
import { checkJob } from './check-job.js';
import { definitionDigest, Distrusted, sign, type ApprovalStatement } from './statement.js';
import { COMMIT, DEFINITION, REPOSITORY, RUN, sceneOf, threeKeys, type Scene } from './trust.fixtures.js';
import type { Signed } from './trusted-keys.js';
import type { SigningKey } from './key-pair.js';

describe('a job that an agent checks', () => {
  let keys: Awaited<ReturnType<typeof threeKeys>>;
  let scene: Scene;
  beforeAll(async () => {
    keys = await threeKeys();
    scene = await sceneOf(keys);
  });

  const check = (job: ClaimedJob, proof: RunProof, require: Signed[] = ['pipeline'], pool = 'default') =>
    checkJob(job, proof, { keys: scene.keys, require, pool });
  const refusing = (job: ClaimedJob, proof: RunProof, why: RegExp, require?: Signed[]) =>
    expect(check(job, proof, require)).rejects.toMatchObject({
      name: 'Distrusted',
      message: expect.stringMatching(why),
    });

  it('is run where it follows from the signed text', async () => {
    await expect(check(scene.job('build'), scene.proof('build'))).resolves.toMatchObject({
      key: { kid: 'ada' },
    });
    await expect(check(scene.job('ship'), scene.proof('ship'))).resolves.toBeDefined();
  });

  type Alteration = [name: string, alter: (job: ClaimedJob) => unknown, why: RegExp];
  const config = (job: ClaimedJob) =>
    job.spec.step.config as Record<string, unknown> & { commands: string[] };
  it.each<Alteration>([
    [
      'another command',
      (job) => (config(job).commands[0] = 'curl evil'),
      /spec\.step\.config\.commands\[0\]/,
    ],
    ['one command more', (job) => config(job).commands.push('curl evil'), /spec\.step\.config\.commands/],
    ['another image', (job) => (config(job)['image'] = 'evil'), /spec\.step\.config\.image/],
    ['a config that was not there', (job) => (config(job)['docker_socket'] = true), /docker_socket/],
    ['another type of step', (job) => (job.spec.step.type = 'step.docker_run'), /spec\.step\.type/],
    ['another variable', (job) => (job.spec.env!['MODE'] = 'x'), /spec\.env\.MODE/],
    ['one variable more', (job) => (job.spec.env!['LD_PRELOAD'] = '/x'), /spec\.env\.LD_PRELOAD/],
    ['a service', (job) => (job.spec.services = [{ name: 'x', image: 'evil' }]), /spec\.services/],
    ['a cache', (job) => (job.spec.caches = [{ key: 'x', paths: ['~/.ssh'] }]), /spec\.caches/],
    [
      'an artifact',
      (job) => job.spec.artifacts_in!.push({ execution_id: RUN, key: 'x', dest: '.' }),
      /artifacts_in/,
    ],
    ['steps of its own', (job) => (job.spec.dynamic = true), /spec\.dynamic/],
    [
      'another repository',
      (job) => (job.spec.source!.repository = 'https://evil/x'),
      /spec\.source\.repository/,
    ],
    ['another commit', (job) => (job.spec.source!.commit = 'b'.repeat(40)), /spec\.source\.commit/],
    ['more time', (job) => (job.timeout_seconds += 1), /timeout_seconds/],
    ["another pipeline's secrets", (job) => (job.pipeline_id = 'prod'), /pipeline_id/],
    ['the id of another step', (job) => (job.id = RUN), /no step whose job this is/],
    ['another run', (job) => (job.run_id = COMMIT), /run_id/],
  ])('is refused with %s', async (_, alter, why) => {
    const job = scene.job('build');
    alter(job);
    await refusing(job, scene.proof('build'), why);
  });

  it('is refused as a step that was appended', async () => {
    const steps = await sceneOf(keys, {
      definition: `${DEFINITION}  - { name: more, type: step.shell_exec, config: { commands: [curl evil] } }\n`,
    });
    const { definition, signature } = scene.proof('build');
    const appended = steps.proof('more', { definition, signature });
    await refusing(steps.job('more'), appended, /no step whose job this is: more/);
  });

  it('is refused where the run is of another repository, whoever says so', async () => {
    const other = await sceneOf(keys, { statement: { repository: 'https://git.example/acme/docs' } });
    await refusing(other.job('build'), other.proof('build'), /not the repository that was signed/);
    const none = await sceneOf(keys, { statement: { repository: null } });
    await refusing(none.job('build'), none.proof('build'), /not the repository that was signed/);
    const ssh = await sceneOf(keys, { statement: { repository: 'git@git.example:acme/web' } });
    await expect(check(ssh.job('build'), ssh.proof('build'))).resolves.toBeDefined();
  });

  it('is refused in a pool that the signed step does not name', async () => {
    await expect(check(scene.job('build'), scene.proof('build'), ['pipeline'], 'production')).rejects.toThrow(
      'for the pool default, and this agent is of production',
    );
  });

  it.each([
    '1.0; curl evil',
    '$(curl evil)',
    '`curl evil`',
    "1'0",
    '--upload-pack=evil',
    '../../etc/passwd',
    'a b',
    'a\nb',
    'a|b',
    '*',
  ])('is refused with the input %j', async (version) => {
    const bad = await sceneOf(keys, { inputs: { version } });
    await refusing(
      bad.job('build'),
      bad.proof('build'),
      /the value of \{\{\.Inputs\.version\}\} is not signed, and/,
    );
  });

  it('is refused with an output of a step that a shell would obey', async () => {
    const bad = await sceneOf(keys, { outputs: { digest: 'x;curl evil' } });
    await refusing(bad.job('ship'), bad.proof('ship'), /\{\{\.Steps\.build\.outputs\.digest\}\}/);
  });

  it('is refused where what it needs did not go well, by what the run tells', async () => {
    const proof = scene.proof('ship');
    const events = proof.events.filter(({ type }) => type !== 'StepSucceeded');
    await refusing(scene.job('ship'), { ...proof, events }, /no job follows|does not run/);
    await refusing(scene.job('build'), { ...proof, events: [] }, /no job follows/);
    await refusing(scene.job('build'), { ...proof, events: [{ type: 'Odd', data: {} }] }, /no job follows/);
  });

  describe('whose signature', () => {
    const text = (value: object) => new TextEncoder().encode(JSON.stringify(value));
    const statement = () => ({
      ...{ pipeline: 'web', definition_sha256: definitionDigest(DEFINITION), repository: REPOSITORY },
      signed_at: '2030-01-01T00:00:00.000Z',
    });
    const jws = (header: object, key: SigningKey, payload: object = statement()) =>
      new CompactSign(text(payload)).setProtectedHeader({ alg: 'EdDSA', ...header }).sign(key);
    const typ = 'hybrid-pipeline+jws';
    const with_ = async (signature: string | null, why: RegExp) =>
      refusing(scene.job('build'), scene.proof('build', { signature }), why);

    it('is missing, or of no key that is known, is refused', async () => {
      await with_(null, /is not signed/);
      await with_('x', /no compact JWS/);
      await with_(await sign('pipeline', statement(), keys[2]), /none of those that are trusted/);
      await with_(await jws({ typ, kid: 'ada' }, keys[2]), /not by the key ada/);
    });

    it('has no algorithm, or brings its key along, is refused', async () => {
      const none = Buffer.from(JSON.stringify({ alg: 'none', kid: 'ada', typ })).toString('base64url');
      await with_(
        `${none}.${Buffer.from(text(statement())).toString('base64url')}.`,
        /algorithm is not EdDSA/,
      );
      const { kty, crv, x } = keys[2];
      await with_(await jws({ typ, kid: 'mallory', jwk: { kty, crv, x } }, keys[2]), /none may have: jwk/);
      await with_(
        await jws({ typ, kid: 'mallory', jku: 'https://evil/keys' }, keys[2]),
        /none may have: jku/,
      );
      await with_(
        await jws({ typ, kid: 'ada', crit: ['x'], x: 1 }, keys[0]).catch(() => 'x'),
        /may have|compact/,
      );
    });

    it('is of another text, another pipeline, or something else, is refused', async () => {
      const other = DEFINITION.replace('make', 'curl');
      const proof = scene.proof('build', { definition: other });
      await refusing(scene.job('build'), proof, /of another text/);
      await refusing(scene.job('build'), scene.proof('build', { files: { './a': '' } }), /of another text/);
      await with_(
        await jws({ typ, kid: 'ada' }, keys[0], { ...statement(), pipeline: 'docs' }),
        /pipeline docs/,
      );
      await with_(await jws({ typ: 'hybrid-approval+jws', kid: 'ada' }, keys[0]), /its type is not/);
      await with_(await jws({ typ, kid: 'ada' }, keys[0], { ...statement(), more: 1 }), /more fields/);
      await with_(await jws({ typ, kid: 'ada' }, keys[0], { ...statement(), signed_at: 'now' }), /signed_at/);
    });
  });

  describe('behind a gate', () => {
    const approval = (key: SigningKey, more: Partial<ApprovalStatement> = {}) =>
      sign(
        'approval',
        {
          ...{
            run_id: RUN,
            gate: 'ask',
            decision: 'approved',
            definition_sha256: definitionDigest(DEFINITION),
          },
          ...{ commit: COMMIT, at: '2030-01-01T00:00:00.000Z', ...more },
        },
        key,
      );
    const outcome = async (...approvals: (string | undefined)[]) => {
      const gated = await sceneOf(keys, { approvals });
      return check(gated.job('ship'), gated.proof('ship'), ['pipeline', 'approval']).then(
        () => 'run',
        (error: Error) => error.message,
      );
    };

    it('runs with as many signed approvals as the signed text wants', async () => {
      expect(await outcome(await approval(keys[0]), await approval(keys[1]))).toBe('run');
    });

    it('needs none before it', async () => {
      await expect(
        check(scene.job('build'), scene.proof('build'), ['pipeline', 'approval']),
      ).resolves.toBeDefined();
    });

    it('is refused with fewer, or with one key twice', async () => {
      expect(await outcome()).toMatch(/needs 2 signed approval\(s\) and has 0; nobody signed/);
      expect(await outcome(await approval(keys[0]))).toMatch(/has 1/);
      expect(await outcome(await approval(keys[0]), await approval(keys[0]))).toMatch(/has 1/);
      expect(await outcome(await approval(keys[0]), await approval(keys[2]))).toMatch(
        /has 1; .*none of those/,
      );
    });

    it.each<[Partial<ApprovalStatement>, RegExp]>([
      [{ run_id: 'another' }, /another run_id/],
      [{ gate: 'other' }, /another gate/],
      [{ decision: 'rejected' }, /another decision/],
      [{ definition_sha256: 'b'.repeat(64) }, /another definition_sha256/],
      [{ commit: 'b'.repeat(40) }, /another commit/],
      [{ commit: null }, /another commit/],
    ])('is refused with an approval of %j', async (more, why) => {
      expect(await outcome(await approval(keys[0]), await approval(keys[1], more))).toMatch(why);
    });

    it('is refused where the gate was dropped from what the run tells', async () => {
      const { events } = scene.proof('ship');
      const dropped = events.filter(({ type }) => !type.startsWith('Gate'));
      await refusing(scene.job('ship'), scene.proof('ship', { events: dropped }), /no job|not run|needs 2/, [
        'pipeline',
        'approval',
      ]);
    });
  });

  it('tells its refusals from what breaks', () => {
    expect(new Distrusted('x')).toBeInstanceOf(Error);
  });
});
