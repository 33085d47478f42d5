import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A repository with one commit of these files, on branch `main`; the caller removes it. */
export function gitFixture(files: Record<string, string>): { path: string; commit: string } {
  const path = mkdtempSync(join(tmpdir(), 'hybrid-cli-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  git(path, 'init', '--quiet', '--initial-branch=main');
  git(path, 'add', '--all');
  git(path, 'commit', '--quiet', '--message=first');
  return { path, commit: git(path, 'rev-parse', 'HEAD') };
}

export function git(path: string, ...args: string[]): string {
  const identity = [
    '-c',
    'user.name=Spec',
    '-c',
    'user.email=spec@example.invalid',
    '-c',
    'commit.gpgsign=false',
  ];
  return execFileSync('git', ['-C', path, ...identity, ...args], { encoding: 'utf8' }).trim();
}
