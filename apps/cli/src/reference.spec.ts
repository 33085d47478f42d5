import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { buildProgram } from './program.js';
import { commandReference } from './reference.js';

describe('docs/cli.md', () => {
  it('has every command as it is: `npm run hybrid -- reference` prints the part below "All commands"', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../docs/cli.md'), 'utf8');
    expect(page.split('## All commands\n\n')[1]).toBe(commandReference(buildProgram()));
  });
});
