import { describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..');

describe('the documents', () => {
  const documents = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' })
    .split('\n')
    .filter((name) => name && !name.startsWith('examples/'));

  it.each(documents)('%s leads to files that are there', (document) => {
    const text = readFileSync(join(root, document), 'utf8');
    const targets = Array.from(
      text.matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)/g),
      ([, target]) => target!,
    );
    const missing = targets.filter((target) => !existsSync(join(root, dirname(document), target)));
    expect(missing).toEqual([]);
  });
});
