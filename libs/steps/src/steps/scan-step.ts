/** step.scan_sast, step.scan_container, step.scan_deps: a scanner's SARIF, and whether anything in it is too severe. */
import { SEVERITIES, type ScanReport } from '@hybrid/contracts';
import { realpath } from 'node:fs/promises';
import { DEFAULT_WORK_DIR, insideWorkspace } from '../files/workspace-path.js';
import { reaches, scanReport } from '../scans/findings.js';
import { runScanner, type ScanOutput } from '../scans/run-scanner.js';
import { readSarif, SarifError, type SarifReport } from '../scans/sarif.js';
import { scannerOf, type Scanner, type ScanRequest } from '../scans/scanners.js';
import { executionId, StepProblem, type StepContext, type StepResult } from '../step.js';
import { StepConfig } from './step-config.js';

/** Findings that the message of a failed step names. */
const WORST = 5;
/** Findings that the log shows. */
const SHOWN = 50;

export async function runScanStep(context: StepContext): Promise<StepResult> {
  const { spec } = context.job;
  const config = new StepConfig(spec.step.config);
  const name = config.text('scanner');
  const threshold = config.oneOf('fail_on_severity', [...SEVERITIES, 'none'] as const, 'high');
  const scanner = scannerOf(name, config.optionalTexts('command'));
  const command = scanner.command({
    type: spec.step.type as ScanRequest['type'],
    path: insideWorkspace(config.optionalText('source_path') ?? '.', DEFAULT_WORK_DIR),
    target: config.optionalText('target'),
    rules: config.optionalTexts('rules') ?? [],
    ignoreUnfixed: config.flag('ignore_unfixed'),
  });
  const output = await runScanner(context, scanner, command, config.optionalText('image'));
  const sarif = sarifOf(name, scanner, output);
  const roots = [context.workspace, await realpath(context.workspace), DEFAULT_WORK_DIR];
  // A scanner that looks for secrets quotes them.
  const report = scanReport(name, sarif, threshold, roots, (text) => context.masker.mask(text));
  show(context, report);
  const key = config.optionalText('artifact_key');
  const artifacts =
    key === undefined ? [] : [await context.store.upload(executionId(context.job), key, output.file)];
  return {
    exitCode: report.passed ? 0 : 1,
    ...(!report.passed && { errorMessage: failure(report) }),
    outputs: outputsOf(report),
    artifacts,
    report: { scan: report },
  };
}

/** A scan that broke off has found nothing and proved nothing: it fails in the scanner's own words. */
function sarifOf(
  name: string,
  scanner: Scanner,
  { exitCode, note, text, lastWords }: ScanOutput,
): SarifReport {
  const words = lastWords.length > 0 ? `; its last words:\n${lastWords.join('\n')}` : '';
  if (exitCode === 127)
    throw new StepProblem(
      `the program of ${name} is not there: install it on the agent, or name an image that has it with config.image${words}`,
    );
  if (!scanner.finished.includes(exitCode))
    throw new StepProblem(`${name} broke off with exit code ${exitCode}${note ? ` (${note})` : ''}${words}`);
  if (text.trim() === '') throw new StepProblem(`${name} wrote no report (exit code ${exitCode})${words}`);
  try {
    return readSarif(text);
  } catch (error) {
    if (!(error instanceof SarifError)) throw error;
    throw new StepProblem(`the report of ${name} cannot be used: ${error.message}${words}`, { cause: error });
  }
}

function outputsOf({ passed, counts }: ScanReport): Record<string, string> {
  const texts = SEVERITIES.map((severity) => [severity, String(counts[severity])]);
  return { passed: String(passed), ...(Object.fromEntries(texts) as Record<string, string>) };
}

function failure(report: ScanReport): string {
  const { findings, threshold, scanner } = report;
  const worst = findings.filter(({ severity }) => reaches(severity, threshold)).slice(0, WORST);
  return [
    `${scanner} found ${summary(report)}; the step fails from ${threshold} on`,
    ...worst.map(line),
  ].join('\n');
}

function show(context: StepContext, report: ScanReport): void {
  const { findings, scanner, scanner_version } = report;
  for (const finding of findings.slice(0, SHOWN)) context.log('system', line(finding));
  if (findings.length > SHOWN) context.log('system', `… and more: the whole report has all`);
  context.log('system', `${scanner}${scanner_version ? ` ${scanner_version}` : ''} found ${summary(report)}`);
}

function summary({ counts }: ScanReport): string {
  const some = SEVERITIES.filter((severity) => counts[severity] > 0);
  return some.map((severity) => `${counts[severity]} ${severity}`).join(', ') || 'nothing';
}

function line({
  severity,
  rule_id,
  location,
  line: number,
  message,
}: ScanReport['findings'][number]): string {
  const place = location === undefined ? '' : ` ${location}${number === undefined ? '' : `:${number}`}`;
  return `${severity} ${rule_id}${place}: ${message.slice(0, 300)}`;
}
