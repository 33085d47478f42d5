/**
 * PostgreSQL's cluster for each platform is a copy of one that was made before: to make one takes most of the time that
 * a platform takes to start, and every second spec file starts one.
 */
import { startPostgres, workspaceRoot } from '@hybrid/servers';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What says how a cluster is made, and by which version. */
const MADE_BY = ['libs/servers/package.json', 'libs/servers/src/postgres.ts'];

/** Fills the data directory of a server that starts there next; its password is in there too. */
export async function copyCluster(dataDir: string): Promise<void> {
  const template = await madeTemplate();
  await mkdir(dataDir, { recursive: true });
  // With its owner, whom fs.cp would not keep.
  await promisify(execFile)('cp', ['-a', `${template}/.`, dataDir]);
}

async function madeTemplate(): Promise<string> {
  const hash = createHash('sha256').update(String(process.getuid?.()));
  for (const file of MADE_BY) hash.update(await readFile(join(workspaceRoot(), file)));
  const cache = join(workspaceRoot(), 'node_modules/.cache/hybrid');
  const template = join(cache, `postgres-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(template)) return template;
  await mkdir(cache, { recursive: true });
  const draft = await mkdtemp(`${template}.`);
  const postgres = await startPostgres({ dataDir: draft });
  await postgres.stop();
  // Of several who make one at a time, the first one's is kept.
  await rename(draft, template).catch(() => rm(draft, { recursive: true }));
  return template;
}
