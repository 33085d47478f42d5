import { awakeMs } from '@hybrid/testing';
import { expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { endGroup } from './child-command.js';
import { signalReaches } from './process-identity.js';

const linux = process.platform === 'linux';

(linux ? it : it.skip)(
  `does not wait for dead processes that nobody reaps${linux ? '' : ' (skipped: seen on Linux only)'}`,
  async () => {
    // The second sleep is the parent of the first, and never asks after its children.
    const parent = spawn('sh', ['-c', 'setsid sleep 1000 & echo $!; exec sleep 1000'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const group = Number(line.toString());
      while (!signalReaches(-group)) await new Promise(setImmediate);
      // Far below the grace of ten seconds, which is for processes that live.
      expect(await awakeMs(() => endGroup(group))).toBeLessThan(5_000);
      expect(signalReaches(-group)).toBe(true);
    } finally {
      parent.kill('SIGKILL');
    }
  },
);
