import { beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '..');

/** ESLint loads itself by imports that jest does not know. One process: it reads the types of the workspace once. */
const LINT = `
  import { ESLint } from 'eslint';
  const eslint = new ESLint();
  const found = [];
  for (const [file, text] of JSON.parse(process.argv[1])) {
    const [{ messages }] = await eslint.lintText(text, { filePath: file });
    found.push(messages.map(({ ruleId }) => ruleId).sort());
  }
  console.log(JSON.stringify(found));
`;

/** Lints texts as if each stood in its file; answers the rules of the things found, text by text. */
async function rulesBroken(texts: [file: string, text: string][]): Promise<string[][]> {
  const args = ['--input-type=module', '-e', LINT, JSON.stringify(texts)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
  // Nx may have had words before.
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as string[][];
}

const impure = ['new Date()', 'Date.now()', 'Math.random()', 'performance.now()', 'crypto.randomUUID()'];
const values = [...impure, 'new Date(Date.parse("2026-01-01"))'];
const decider = `
  export { randomUUID } from 'node:crypto';
  ${values.map((value, line) => `export const value${line} = ${value};`).join('\n')}
`;
const imports = `import '@hybrid/contracts';\nimport '@hybrid/messaging';\nimport '@hybrid/testing';\n`;
const careless = `
  export async function forget(): Promise<void> {}
  forget();
  export function name(of: 'a' | 'b'): string {
    switch (of) {
      case 'a':
        return 'A';
    }
    return '';
  }
`;

describe('lint refuses', () => {
  let broken: string[][];
  beforeAll(async () => {
    broken = await rulesBroken([
      ['apps/queue/src/jobs/job.decider.ts', decider],
      ['apps/queue/src/jobs/jobs.ts', imports],
      ['apps/agent/src/agent.ts', imports],
      ['apps/queue/src/app.module.ts', `import '@hybrid/agents';\n`],
      ['apps/queue/src/app.module.ts', careless],
    ]);
  });

  it('clock, chance and I/O in a decider', () => {
    expect(broken[0]).toEqual(['no-restricted-imports', ...impure.map(() => 'no-restricted-syntax')]);
  });

  it('imports against the dependency table', () => {
    const rule = '@nx/enforce-module-boundaries';
    expect(broken.slice(1, 4)).toEqual([[rule], [rule, rule], [rule]]);
  });

  it('promises that nobody waits for and switches that forget a case', () => {
    expect(broken[4]).toEqual([
      '@typescript-eslint/no-floating-promises',
      '@typescript-eslint/switch-exhaustiveness-check',
    ]);
  });
});
