import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = resolve(dirname(fileURLToPath(import.meta.url)), '../../../infra/relay');
const unit = readFileSync(join(folder, 'hybrid-relay.service'), 'utf8');
const image = readFileSync(join(folder, 'Dockerfile'), 'utf8');
const analyze = spawnSync('systemd-analyze', ['--version']).status === 0;

describe('packaging of the relay', () => {
  it('the unit is no root, writes its own folder only, and has time to stop', () => {
    for (const line of [
      'User=hybrid-relay',
      'ExecReload=/bin/kill -HUP $MAINPID',
      'NoNewPrivileges=yes',
      'ProtectSystem=strict',
      'CapabilityBoundingSet=',
      'StateDirectory=hybrid-relay',
      'StateDirectoryMode=0700',
    ])
      expect(unit.split('\n')).toContain(line);
    // 30 s for a request that has begun, 5 s for the queue, 5 s to close it.
    expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1])).toBeGreaterThan(40);
  });

  (analyze ? it : it.skip)(
    `systemd finds no fault in the unit${analyze ? '' : ' (skipped: no systemd-analyze here)'}`,
    () => {
      const home = mkdtempSync(join(tmpdir(), 'hybrid-unit-'));
      try {
        const file = join(home, 'hybrid-relay.service');
        writeFileSync(file, unit.replace('/usr/bin/node', process.execPath));
        const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], {
          encoding: 'utf8',
        });
        expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      } finally {
        rmSync(home, { recursive: true });
      }
    },
  );

  it('the image runs the bundle as a user who is not root, beside the configurations of tools', () => {
    const final = image.slice(image.lastIndexOf('FROM '));
    for (const line of [
      'USER 1000:1000',
      'STOPSIGNAL SIGTERM',
      'ENTRYPOINT ["node", "dist/relay/main.js"]',
      'COPY --from=build /src/config/webhooks/ ./config/webhooks/',
    ])
      expect(final.split('\n')).toContain(line);
    expect(final).not.toMatch(/TOKEN|SECRET/);
  });
});
