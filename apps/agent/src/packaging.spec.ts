import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readSettings } from './settings.js';

const folder = resolve(dirname(fileURLToPath(import.meta.url)), '../../../infra/agent');
const unit = readFileSync(join(folder, 'hybrid-agent.service'), 'utf8');
const image = readFileSync(join(folder, 'Dockerfile'), 'utf8');
const analyze = spawnSync('systemd-analyze', ['--version']).status === 0;

/** Variables and their values, by a pattern with both in brackets. */
function pairs(text: string, pattern: RegExp): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, name = '', value = ''] of text.matchAll(pattern)) found[name] = value;
  return found;
}

describe('packaging', () => {
  it('the unit gives the agent more time to stop than it takes', () => {
    const env = { ...pairs(unit, /^Environment=(\w+)=(.*)$/gm), HYBRID_URL: 'https://hybrid.example.com' };
    const { settings } = readSettings(['node', 'agent'], env, '1');
    expect(settings).toMatchObject({ data: '%S/hybrid-agent', healthAddress: { host: '127.0.0.1' } });
    const timeout = Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]);
    expect(timeout).toBeGreaterThanOrEqual(settings.drainTimeout + 30);
  });

  it('the unit is no root, and leaves the jobs alone when it is stopped', () => {
    for (const line of [
      'User=hybrid-agent',
      'NoNewPrivileges=yes',
      'ProtectSystem=strict',
      'KillSignal=SIGTERM',
      'KillMode=mixed',
      'CapabilityBoundingSet=',
      'StateDirectory=hybrid-agent',
    ])
      expect(unit.split('\n')).toContain(line);
  });

  (analyze ? it : it.skip)(
    `systemd finds no fault in the unit${analyze ? '' : ' (skipped: no systemd-analyze here)'}`,
    () => {
      const home = mkdtempSync(join(tmpdir(), 'hybrid-unit-'));
      try {
        const file = join(home, 'hybrid-agent.service');
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

  it('the image runs the bundle as a user who is not root, and holds no setting that is secret', () => {
    const final = image.slice(image.lastIndexOf('FROM '));
    expect(final).toContain('\nUSER 1000:1000\n');
    expect(final).toContain('\nENTRYPOINT ["node", "dist/agent/main.js"]');
    expect(final).toContain('\nSTOPSIGNAL SIGTERM\n');
    expect(final).not.toMatch(/TOKEN|SECRET/);
    const env = pairs(final, /(HYBRID_\w+)=(\S+)/g);
    const { settings } = readSettings(['node', 'agent', '--url', 'https://x'], env, '1');
    expect(settings).toMatchObject({ data: '/data/agent', healthAddress: { port: 8085 } });
    expect(final).toContain('http://127.0.0.1:8085/health/ready');
  });

  it('the example of a settings file is valid', () => {
    const { settings } = readSettings(['node', 'agent', '--config', join(folder, 'agent.yaml')], {}, '1');
    expect(settings).toMatchObject({ capacity: 4, label: { os: 'debian-12', disk: 'ssd' } });
  });
});
