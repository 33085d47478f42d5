import { describe, expect, it } from '@jest/globals';
import { Masker } from '../output/masking.js';
import { scanReport, type Threshold } from './findings.js';
import type { SarifResult } from './sarif.js';

const finding = (more: Partial<SarifResult> = {}): SarifResult => ({
  rule: 'rule',
  message: 'a message',
  level: 'warning',
  tags: [],
  fingerprints: [],
  ...more,
});
const report = (results: SarifResult[], threshold: Threshold = 'high', tool = 'some') =>
  scanReport(tool, { tool, results }, threshold, ['/tmp/job/workspace', '/workspace'], (text) => text);
const severities = (results: SarifResult[], tool?: string) =>
  report(results, 'none', tool).findings.map(({ severity }) => severity);
const fingerprint = (result: Partial<SarifResult>) => report([finding(result)]).findings[0]?.fingerprint;

describe('findings', () => {
  it('have a severity by score, else by level', () => {
    const scores = [9, 8.9, 7, 6.9, 4, 3.9, 0.1, 0].map((securitySeverity, line) =>
      finding({ securitySeverity, line, level: 'error' }),
    );
    expect(severities(scores)).toEqual([
      'critical',
      'high',
      'high',
      'medium',
      'medium',
      'low',
      'low',
      'info',
    ]);
    const levels = (['error', 'warning', 'note', 'none'] as const).map((level) => finding({ level }));
    expect(levels.flatMap((one) => severities([one]))).toEqual(['high', 'medium', 'low', 'info']);
  });

  it('are masked before they are cut', () => {
    const masker = new Masker(['hunter22', 'two\nlines']);
    const message = `${'x'.repeat(993)} hunter22; two\nlines`;
    const [found] = scanReport(
      'some',
      { results: [finding({ message, rule: `${'r'.repeat(296)}hunter22`, uri: 'a/hunter22' })] },
      'none',
      [],
      (text) => masker.mask(text),
    ).findings;
    expect(found?.message).toMatch(/^x+ \*\*\*; \*$/);
    expect(found?.rule_id).toMatch(/^r+\*\*\*$/);
    expect(found?.location).toBe('a/***');
  });

  it('of trivy have the severity that it shows', () => {
    const one = finding({ securitySeverity: 7.5, tags: ['security', 'CRITICAL'] });
    expect(severities([one], 'Trivy')).toEqual(['critical']);
    expect(severities([one], 'other')).toEqual(['high']);
  });

  it.each([
    ['critical', 'critical', false],
    ['high', 'critical', true],
    ['high', 'high', false],
    ['high', 'medium', false],
    ['low', 'medium', true],
    ['info', 'info', false],
    ['critical', 'none', true],
  ] as const)('%s against the threshold %s: passed %s', (severity, threshold, passed) => {
    const securitySeverity = { critical: 10, high: 8, medium: 5, low: 1, info: 0 }[severity];
    expect(report([finding({ securitySeverity })], threshold).passed).toBe(passed);
  });

  it('are where they are in the workspace, however their scanner writes that', () => {
    const at = (uri: string) => report([finding({ uri })]).findings[0]?.location;
    expect(at('src/a.c')).toBe('src/a.c');
    expect(at('./src/../src/a.c')).toBe('src/a.c');
    expect(at('/workspace/src/a.c')).toBe('src/a.c');
    expect(at('file:///tmp/job/workspace/a%20b.c')).toBe('a b.c');
    expect(at('file://some-host/workspace/a.c')).toBe('a.c');
    expect(at('/workspaces/a.c')).toBe('/workspaces/a.c');
    expect(at('file:///usr/lib/x')).toBe('/usr/lib/x');
    expect(at('file:///%zz')).toContain('%zz');
    expect(at('https://example.com/x')).toBe('https://example.com/x');
  });

  it('keep their fingerprint while lines move, and differ where they are', () => {
    const first = fingerprint({ uri: 'a.c', line: 3, message: 'buffer of 10 bytes' });
    expect(fingerprint({ uri: 'a.c', line: 30, message: 'buffer of  12 bytes' })).toBe(first);
    expect(fingerprint({ uri: 'b.c', line: 3, message: 'buffer of 10 bytes' })).not.toBe(first);
    expect(fingerprint({ uri: 'a.c', line: 3, message: 'array of 10 bytes' })).not.toBe(first);
    expect(fingerprint({ uri: 'a.c', rule: 'other', message: 'buffer of 10 bytes' })).not.toBe(first);
  });

  it('count once when they are told twice, and twice when they are two', () => {
    const twice = report([finding({ line: 1 }), finding({ line: 1 }), finding({ line: 2 })]);
    expect(twice.counts.medium).toBe(2);
    expect(new Set(twice.findings.map((one) => one.fingerprint)).size).toBe(2);
    const moved = report([finding({ line: 11 }), finding({ line: 12 })]);
    expect(moved.findings.map((one) => one.fingerprint)).toEqual(
      twice.findings.map((one) => one.fingerprint),
    );
  });

  it("take their scanner's fingerprint when it says something", () => {
    const worthless: [string, string][] = [['matchBasedId/v1', 'requires login']];
    expect(fingerprint({ fingerprints: worthless })).toBe(fingerprint({}));
    const told: [string, string][] = [['hash/v1', '0123456789abcdef']];
    expect(fingerprint({ fingerprints: told, message: 'one' })).toBe(
      fingerprint({ fingerprints: told, message: 'other' }),
    );
    const same = [
      finding({ fingerprints: told, line: 1, message: 'a' }),
      finding({ fingerprints: told, line: 2, message: 'b' }),
    ];
    const alone = same.map(({ message }) => fingerprint({ message }));
    expect(report(same).findings.map((one) => one.fingerprint)).toEqual(alone);
  });

  it('are bounded, most severe first, with every text clean', () => {
    const many = Array.from({ length: 150 }, (_, line) => finding({ line, level: 'note' }));
    const long = finding({
      rule: 'r'.repeat(1_000),
      message: `bad\u001b[2J\n\n${'m'.repeat(5_000)}`,
      uri: 'u'.repeat(5_000),
      line: 1e15,
      securitySeverity: 10,
    });
    const { findings, counts } = report([...many, long]);
    expect(counts).toEqual({ critical: 1, high: 0, medium: 0, low: 150, info: 0 });
    expect(findings).toHaveLength(100);
    expect(findings[0]).toMatchObject({ severity: 'critical', line: 10_000_000 });
    expect(findings[0]?.message).toHaveLength(1_000);
    expect(findings[0]?.message).toMatch(/^bad\ufffd\[2J m/);
    expect(findings[0]?.rule_id).toHaveLength(300);
    expect(findings[0]?.location).toHaveLength(500);
  });
});
