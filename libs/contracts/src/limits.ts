/**
 * Values of contracts that are needed where no request is validated: on agents, by the command line, by the language.
 * They stand here, apart from the decorated classes, so that those programs load neither Nest nor class-validator.
 */

/** Entries of each list in a report; what is beyond is counted, and stands in the report that the customer keeps. */
export const REPORT_LIST_MAX = 100;

/** Most severe first. */
export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'] as const;
export type Severity = (typeof SEVERITIES)[number];

/**
 * Capability of agents whose version knows what `untrusted` says of a job: the queue gives such jobs to no other, as an
 * older one would run them like any.
 */
export const UNTRUSTED_JOBS = 'untrusted-jobs';

/** What started a run. */
export const RUN_TRIGGERS = ['manual', 'push', 'pull_request', 'tag', 'schedule', 'pipeline', 'api'] as const;
export type RunTrigger = (typeof RUN_TRIGGERS)[number];

/** Size limit of a definition, in characters: a hundred times what a person writes. */
export const DEFINITION_MAX = 500_000;

/** Size limit of a net-zero configuration, in characters. */
export const NET_ZERO_MAX = 200_000;

/** Of a line of output, in UTF-8: agents cut longer ones into several. */
export const LOG_LINE_MAX_BYTES = 16 * 1024;

/** Of lines that are sealed together, in base64: the longest line fits, whatever it holds. */
export const SEALED_LINE_MAX_BYTES = 64 * 1024;

/** A time with its zone. */
export const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;
