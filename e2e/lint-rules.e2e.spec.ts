import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** Lints a text as if it stood in that file; answers the rule of each thing found. */
function rulesBroken(file: string, text: string): string[] {
  const eslint = join(root, 'node_modules/eslint/bin/eslint.js');
  const args = [eslint, '--stdin', '--stdin-filename', file, '--format', 'json'];
  const { stdout } = spawnSync(process.execPath, args, { cwd: root, input: text, encoding: 'utf8' });
  const [result] = JSON.parse(stdout) as { messages: { ruleId: string }[] }[];
  return result!.messages.map(({ ruleId }) => ruleId).sort();
}

describe('lint refuses', () => {
  it('clock, chance and I/O in a decider', () => {
    const impure = ['new Date()', 'Date.now()', 'Math.random()', 'performance.now()', 'crypto.randomUUID()'];
    const pure = 'new Date(Date.parse("2026-01-01"))';
    const lines = [...impure, pure].map((value, line) => `export const value${line} = ${value};`);
    const text = `export { randomUUID } from 'node:crypto';\n${lines.join('\n')}\n`;
    expect(rulesBroken('apps/queue/src/jobs/job.decider.ts', text)).toEqual([
      'no-restricted-imports',
      ...impure.map(() => 'no-restricted-syntax'),
    ]);
  });

  it('imports against the dependency table', () => {
    const text = `import '@hybrid/contracts';\nimport '@hybrid/messaging';\nimport '@hybrid/testing';\n`;
    const rule = '@nx/enforce-module-boundaries';
    expect(rulesBroken('apps/queue/src/jobs/jobs.ts', text)).toEqual([rule]);
    expect(rulesBroken('apps/agent/src/backoff.ts', text)).toEqual([rule, rule]);
    expect(rulesBroken('apps/queue/src/app.module.ts', `import '@hybrid/agents';\n`)).toEqual([rule]);
  });

  it('promises that nobody waits for and switches that forget a case', () => {
    const text = `
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
    expect(rulesBroken('apps/queue/src/app.module.ts', text)).toEqual([
      '@typescript-eslint/no-floating-promises',
      '@typescript-eslint/switch-exhaustiveness-check',
    ]);
  });
});
