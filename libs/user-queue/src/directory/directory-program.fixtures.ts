/** One side of a queue in a folder, to be killed: run as `write|read <path> <name>`. Says what it did, a line for each message. */
import { DirectoryReader } from './directory-reader.js';
import { DirectoryWriter } from './directory-writer.js';

const [side, path = '', name = ''] = process.argv.slice(2);
const config = { kind: 'directory', path } as const;
const say = (what: string, body: string) => process.stdout.write(`${what} ${body}\n`);

if (side === 'write') {
  const writer = new DirectoryWriter(config);
  for (let number = 0; ; number += 3) {
    const bodies = [0, 1, 2].map((next) => `${name}-${number + next}-end`);
    await writer.send(bodies);
    for (const body of bodies) say('sent', body);
  }
} else {
  const reader = new DirectoryReader(config, { leaseMs: 200 });
  const { signal } = new AbortController();
  for (;;) {
    const messages = await reader.receive({ max: 5, waitMs: 1_000, signal });
    for (const { body } of messages) say('read', body);
    const [first, second, ...others] = messages;
    if (first) await reader.putAside(first, 'every fifth');
    if (second) await reader.release([second]);
    await reader.remove(others);
  }
}
