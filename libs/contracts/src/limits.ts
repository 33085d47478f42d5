/**
 * Values of contracts that are needed where no request is validated: on agents, by the command line, by the language.
 * They stand here, apart from the decorated classes, so that those programs load neither Nest nor class-validator.
 */

/** Entries of each list in a report; what is beyond is counted, and stands in the report that the customer keeps. */
export const REPORT_LIST_MAX = 100;

/** Most severe first. */
export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Size limit of a definition, in characters: a hundred times what a person writes. */
export const DEFINITION_MAX = 500_000;

/** Size limit of a net-zero configuration, in characters. */
export const NET_ZERO_MAX = 200_000;
