/**
 * What an agent reports of a step beside its outputs and artifacts: tests, annotations, findings of scanners, steps to
 * append. Metadata only: texts are masked and shortened on the agent, and no source code crosses.
 */
import { Flag, Nested, NestedList, OneOf, Real, Text, Texts, Whole } from './fields.js';
import { REPORT_LIST_MAX, SEVERITIES, type Severity } from './limits.js';

export class TestCase {
  @Text('masked', { max: 500, description: 'suite and name, as the report spells them' })
  name!: string;

  @Text('masked', { optional: true, max: 500 })
  file?: string;

  @Whole({ optional: true, min: 0, max: 10_000_000 })
  line?: number;

  @Text('masked', { optional: true, max: 2_000, description: 'why it failed' })
  message?: string;

  @Real({ optional: true, min: 0, max: 1_000_000 })
  seconds?: number;
}

/** JUnit XML of a step, all files together. */
export class TestReport {
  @Whole({ min: 0, max: 10_000_000 })
  total!: number;

  @Whole({ min: 0, max: 10_000_000 })
  failed!: number;

  @Whole({ min: 0, max: 10_000_000 })
  skipped!: number;

  @Whole({ min: 0, max: 10_000_000, description: 'failed and then succeeded within the step' })
  flaky!: number;

  @Real({ min: 0, max: 100_000_000 })
  seconds!: number;

  @NestedList(() => TestCase, { max: REPORT_LIST_MAX })
  failures!: TestCase[];

  @NestedList(() => TestCase, { max: REPORT_LIST_MAX })
  flaky_tests!: TestCase[];
}

/** A remark on the work, as `::error file=a.ts,line=3::text` in the output makes one. */
export class Annotation {
  @OneOf(['error', 'warning', 'notice'])
  level!: 'error' | 'warning' | 'notice';

  @Text('masked', { max: 2_000 })
  message!: string;

  @Text('masked', { optional: true, max: 200 })
  title?: string;

  @Text('masked', { optional: true, max: 500 })
  file?: string;

  @Whole({ optional: true, min: 0, max: 10_000_000 })
  line?: number;

  @Whole({ optional: true, min: 0, max: 100_000 })
  column?: number;
}

/** Where and by which rule; never the code itself. */
export class ScanFinding {
  @Text('masked', { max: 300 })
  rule_id!: string;

  @OneOf(SEVERITIES)
  severity!: Severity;

  @Text('masked', { max: 1_000 })
  message!: string;

  @Text('masked', { optional: true, max: 500, description: 'in the workspace, or the package' })
  location?: string;

  @Whole({ optional: true, min: 0, max: 10_000_000 })
  line?: number;

  @Text('digest', { max: 64, description: 'the same for the same finding in another run' })
  fingerprint!: string;
}

export class ScanCounts implements Record<Severity, number> {
  @Whole({ min: 0, max: 10_000_000 })
  critical!: number;

  @Whole({ min: 0, max: 10_000_000 })
  high!: number;

  @Whole({ min: 0, max: 10_000_000 })
  medium!: number;

  @Whole({ min: 0, max: 10_000_000 })
  low!: number;

  @Whole({ min: 0, max: 10_000_000 })
  info!: number;
}

export class ScanReport {
  @Text('masked', { max: 100, example: 'semgrep' })
  scanner!: string;

  @Text('masked', { optional: true, max: 100 })
  scanner_version?: string;

  @Flag({ description: 'nothing as severe as the threshold was found' })
  passed!: boolean;

  @OneOf([...SEVERITIES, 'none'], { description: 'as severe as this, and the step fails' })
  threshold!: Severity | 'none';

  @Nested(() => ScanCounts)
  counts!: ScanCounts;

  @NestedList(() => ScanFinding, { max: REPORT_LIST_MAX, description: 'most severe first' })
  findings!: ScanFinding[];
}

export class StepReport {
  @Nested(() => TestReport, { optional: true })
  tests?: TestReport;

  @NestedList(() => Annotation, { optional: true, max: REPORT_LIST_MAX })
  annotations?: Annotation[];

  @Nested(() => ScanReport, { optional: true })
  scan?: ScanReport;

  @Text('masked', {
    optional: true,
    max: 200_000,
    description: 'YAML: steps that the step appends to its run',
  })
  steps?: string;

  @Texts('masked', {
    optional: true,
    max: 50,
    itemMax: 600,
    description: 'keys of the caches that were found',
  })
  cache_hits?: string[];
}

/** A log that the customer keeps: the control plane has this and no line of it. */
export class LogReference {
  @Text('reference', { max: 1_000, example: 's3://ci-logs/run-1/job-1.1.ndjson.gz' })
  location!: string;

  @Text('digest', { pattern: /^[0-9a-f]{64}$/ })
  sha256!: string;

  @Whole({ min: 0, max: Number.MAX_SAFE_INTEGER })
  size!: number;

  @Whole({ min: 0, max: Number.MAX_SAFE_INTEGER })
  lines!: number;
}
