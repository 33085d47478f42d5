import { bundleProgram, startS3, type BundledProgram, type S3Server } from '@hybrid/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const MiB = 1024 ** 2;
/** SPEC_LARGE_MB=1024 for the whole gigabyte, which takes a minute. */
const LARGE = Number(process.env['SPEC_LARGE_MB'] ?? 192) * MiB;

let program: BundledProgram;
let s3: S3Server;
let folder: string;
beforeAll(async () => {
  program = await bundleProgram('libs/stores/src/transfer-program.fixtures.ts');
  s3 = await startS3();
});
afterAll(async () => {
  await s3.close();
  await program.remove();
});
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'hybrid-large-'))));
afterEach(() => rm(folder, { recursive: true }));

it.each(['directory', 's3'])(
  'memory does not grow with what is stored in a %s and fetched back',
  async (kind) => {
    const most = async (size: number): Promise<number> => {
      const [from, to] = [join(folder, 'from'), join(folder, `to-${size}`)];
      await writeFile(from, '');
      await truncate(from, size);
      const url = kind === 's3' ? s3.url(`flat-${size}`) : `file://${folder}/store-${size}`;
      const { stdout } = await promisify(execFile)(process.execPath, [program.path, url, from, to], {
        env: { ...process.env, ...s3.env },
      });
      return Number(stdout);
    };
    const [small, large] = [await most(24 * MiB), await most(LARGE)];
    console.log(
      `${kind}: ${Math.round(small / MiB)} MiB for 24 MiB, ${Math.round(large / MiB)} MiB for ${LARGE / MiB} MiB`,
    );
    expect(large - small).toBeLessThan(96 * MiB);
  },
);
