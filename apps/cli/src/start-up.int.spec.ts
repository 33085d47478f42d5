import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** What a chunk of an app's bundle loads as soon as it is loaded itself. */
function importsOf(chunk: string, app = 'cli'): string[] {
  const text = readFileSync(join(root, 'dist', app, chunk), 'utf8');
  return [...text.matchAll(/^import (?:.* from )?["'](.+)["'];$/gm)].map(([, name]) => name!);
}

function loadedBy(chunk: string, seen = new Set<string>()): Set<string> {
  for (const name of importsOf(chunk)) {
    if (seen.has(name)) continue;
    seen.add(name);
    if (name.startsWith('./')) loadedBy(name.slice(2), seen);
  }
  return seen;
}

describe('the start of the command line', () => {
  it('loads what every command needs, and neither the language nor the sandboxes', () => {
    const packages = [...loadedBy('main.js')].filter((name) => !/^(\.|node:)/.test(name));
    expect(packages.sort()).toEqual(['commander', 'eventsource-parser', 'picocolors']);
  });
});

describe.each(['agent', 'cli', 'relay'])('what runs at the customer’s: %s', (app) => {
  it('never loads what checks requests in services', () => {
    const chunks = readdirSync(join(root, 'dist', app)).filter((name) => name.endsWith('.js'));
    const all = chunks.flatMap((chunk) => importsOf(chunk, app));
    expect(all.filter((name) => /^(@nestjs|class-|reflect-metadata)/.test(name))).toEqual([]);
  });
});
