/** From what a scanner tells to what is judged and shown: severities, places, fingerprints, counts. */
import {
  REPORT_LIST_MAX,
  SEVERITIES,
  type ScanFinding,
  type ScanReport,
  type Severity,
} from '@hybrid/contracts';
import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { visibleControls } from '../output/control-characters.js';
import type { SarifLevel, SarifReport, SarifResult } from './sarif.js';

/** Characters; the contract's limits. */
const RULE_MAX = 300;
const MESSAGE_MAX = 1_000;
const LOCATION_MAX = 500;
const NAME_MAX = 100;
const COUNT_MAX = 10_000_000;

export type Threshold = Severity | 'none';

/** Folders that stand for the workspace in what scanners write. */
export type Roots = readonly string[];

/** The report that goes to the control plane: no code, no secret that `mask` knows, most severe first. */
export function scanReport(
  scanner: string,
  sarif: SarifReport,
  threshold: Threshold,
  roots: Roots,
  mask: (text: string) => string,
): ScanReport {
  const findings = findingsOf(sarif, roots);
  const clean = (text: string, max: number): string => cleaned(text, max, mask);
  const counts = { critical: 0, high: 0, medium: 0, low: 0, info: 0 };
  for (const { severity } of findings) counts[severity] = Math.min(counts[severity] + 1, COUNT_MAX);
  return {
    scanner: scanner.slice(0, NAME_MAX),
    ...(sarif.version !== undefined && { scanner_version: clean(sarif.version, NAME_MAX) }),
    passed: !findings.some(({ severity }) => reaches(severity, threshold)),
    threshold,
    counts,
    findings: findings.slice(0, REPORT_LIST_MAX).map(({ rule_id, message, location, ...rest }) => ({
      ...rest,
      rule_id: clean(rule_id, RULE_MAX),
      message: clean(message, MESSAGE_MAX),
      ...(location !== undefined && { location: clean(location, LOCATION_MAX) }),
    })),
  };
}

export function reaches(severity: Severity, threshold: Threshold): boolean {
  return threshold !== 'none' && SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(threshold);
}

/** Each finding once, most severe first, then by place; its texts as the scanner has them. */
function findingsOf(sarif: SarifReport, roots: Roots): ScanFinding[] {
  const usable = usableFingerprints(sarif.results);
  const isTrivy = sarif.tool?.toLowerCase() === 'trivy';
  const placed = sarif.results.map((result) => ({
    result,
    location: result.uri === undefined ? '' : placeOf(result.uri, roots),
  }));
  placed.sort(
    (a, b) =>
      order(a.location, b.location) ||
      (a.result.line ?? 0) - (b.result.line ?? 0) ||
      (a.result.column ?? 0) - (b.result.column ?? 0) ||
      order(a.result.rule, b.result.rule),
  );
  const seen = new Set<string>();
  const alike = new Map<string, number>();
  const findings: ScanFinding[] = [];
  for (const { result, location } of placed) {
    const { rule, message, line, column } = result;
    const same = JSON.stringify([rule, location, line, column, message]);
    if (seen.has(same)) continue;
    seen.add(same);
    const told = result.fingerprints.filter((entry) => usable(entry));
    const what = JSON.stringify([rule, location, told.length > 0 ? told : normalised(message)]);
    // The second of two that are alike in one file is the second there in the next run too.
    const number = alike.get(what) ?? 0;
    alike.set(what, number + 1);
    findings.push({
      rule_id: rule,
      severity: severityOf(result, isTrivy),
      message,
      ...(location !== '' && { location }),
      ...(line !== undefined && { line: Math.min(line, COUNT_MAX) }),
      fingerprint: createHash('sha256').update(`${what}#${number}`).digest('hex'),
    });
  }
  // Stable: those of one severity stay in the order of their places.
  return findings.sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
}

const OF_LEVEL: Record<SarifLevel, Severity> = {
  error: 'high',
  warning: 'medium',
  note: 'low',
  none: 'info',
};

function severityOf({ level, securitySeverity, tags }: SarifResult, isTrivy: boolean): Severity {
  // Trivy's score is the highest of several sources; the severity that it shows everywhere else is this tag.
  const tagged = isTrivy ? SEVERITIES.find((severity) => tags.includes(severity.toUpperCase())) : undefined;
  if (tagged) return tagged;
  if (securitySeverity === undefined) return OF_LEVEL[level];
  // The bounds of CVSS 3.
  if (securitySeverity >= 9) return 'critical';
  if (securitySeverity >= 7) return 'high';
  if (securitySeverity >= 4) return 'medium';
  return securitySeverity > 0 ? 'low' : 'info';
}

/**
 * A scanner's own fingerprint is used when it tells findings apart: semgrep writes the constant "requires login" for who
 * has no account, and a value that every finding has says nothing.
 */
function usableFingerprints(results: SarifResult[]): (entry: [string, string]) => boolean {
  const values = new Map<string, Set<string>>();
  for (const { fingerprints } of results)
    for (const [name, value] of fingerprints) values.set(name, (values.get(name) ?? new Set()).add(value));
  return ([name, value]) =>
    /^[\w:./+=-]{8,}$/.test(value) && (results.length === 1 || (values.get(name)?.size ?? 0) > 1);
}

/** Numbers in messages are sizes, lines and versions, which change while the finding stays. */
function normalised(message: string): string {
  return message.replaceAll(/\s+/g, ' ').replaceAll(/\d+/g, '0').trim().toLowerCase();
}

/** In the workspace: relative to it. Elsewhere, such as in an image: as it is written. */
function placeOf(uri: string, roots: Roots): string {
  const written = pathOf(uri);
  if (written === undefined) return uri;
  const path = posix.normalize(written);
  for (const root of roots) {
    if (path === root) return '.';
    if (path.startsWith(`${root}/`)) return path.slice(root.length + 1);
  }
  return path.replace(/^(?:\.\/)+/, '');
}

/** Nothing for what is no path. */
function pathOf(uri: string): string | undefined {
  try {
    if (uri.startsWith('file:')) return fileURLToPath(uri.replace(/^file:\/\/[^/]*/, 'file://'));
    if (/^[a-z][a-z0-9+.-]+:/i.test(uri)) return undefined;
    return decodeURIComponent(uri);
  } catch {
    return uri;
  }
}

/** Masked first: of a secret that is cut, or that lost a line break, the rest would not be known any more. */
function cleaned(text: string, max: number, mask: (text: string) => string): string {
  const oneLine = mask(text).replaceAll(/\s+/g, ' ').trim();
  return visibleControls(mask(oneLine)).slice(0, max);
}

/** The same on every machine, whatever its language. */
function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
