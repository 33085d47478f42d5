/** JUnit XML as the test runners of the world write it: there is no one standard, so what is missing is left out. */
import { XMLParser } from 'fast-xml-parser';

export interface TestOutcome {
  /** Of the suite and the class; the same test run twice has the same ones. */
  suite: string;
  name: string;
  result: 'passed' | 'failed' | 'skipped';
  /** It failed before, by what the report itself says of its tries. */
  retried: boolean;
  seconds: number;
  file?: string;
  line?: number;
  message?: string;
}

/** Levels of tags: suites within suites within suites, and far more than any of them. */
const DEPTH_MAX = 50;
const LISTS = ['testsuite', 'testcase', 'failure', 'error', 'flakyFailure', 'flakyError', 'rerunFailure'];

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  parseAttributeValue: false,
  // Entities are decoded below, and only those that XML has of itself.
  processEntities: false,
  maxNestedTags: DEPTH_MAX,
  // What a test wrote may be long and is not looked at.
  stopNodes: ['..system-out', '..system-err', '..properties'],
  isArray: (name) => LISTS.includes(name),
});

type Element = Record<string, unknown>;

/** Throws an Error that says what is wrong with the text, for the log. */
export function parseJunit(xml: string): TestOutcome[] {
  // No report needs one, and it is what attacks on parsers are made of.
  if (/<!DOCTYPE|<!ENTITY/i.test(xml)) throw new Error('it has a document type, which is not read');
  const root = parser.parse(xml, true) as Element;
  const suites = [root['testsuites'], root['testsuite']].flatMap(elements);
  if (suites.length === 0 && root['testsuites'] === undefined)
    throw new Error('it has neither testsuites nor testsuite at its root');
  return suites.flatMap((suite) => outcomesOf(suite, '', undefined));
}

function outcomesOf(suite: Element, above: string, fileAbove: string | undefined): TestOutcome[] {
  const name = attribute(suite, 'name') ?? above;
  const file = attribute(suite, 'file') ?? attribute(suite, 'filepath') ?? fileAbove;
  const own = elements(suite['testcase']).map((test) => outcomeOf(test, name, file));
  return [...own, ...elements(suite['testsuite']).flatMap((inner) => outcomesOf(inner, name, file))];
}

function outcomeOf(test: Element, suiteName: string, suiteFile: string | undefined): TestOutcome {
  const failures = [...elements(test['failure']), ...elements(test['error'])];
  const earlier = [...elements(test['flakyFailure']), ...elements(test['flakyError'])];
  const skipped = test['skipped'] !== undefined || attribute(test, 'status') === 'notrun';
  const shown = failures[0] ?? earlier[0];
  const message = shown && messageOf(shown);
  const line = Number(attribute(test, 'line') ?? NaN);
  const file = attribute(test, 'file') ?? suiteFile;
  return {
    suite: attribute(test, 'classname') ?? suiteName,
    name: attribute(test, 'name') ?? '',
    result: failures.length > 0 ? 'failed' : skipped ? 'skipped' : 'passed',
    retried: failures.length === 0 && earlier.length > 0,
    seconds: secondsOf(attribute(test, 'time')),
    ...(file && { file }),
    ...(Number.isSafeInteger(line) && line >= 0 && { line }),
    ...(message && { message }),
  };
}

/** The attribute is one line, the text a stack that often begins with it. */
function messageOf(failure: Element): string {
  const short = attribute(failure, 'message')?.trim() ?? '';
  const long = decode(typeof failure['#text'] === 'string' ? failure['#text'] : '').trim();
  if (short === '' || long.includes(short)) return long;
  return long === '' ? short : `${short}\n${long}`;
}

/** Some write thousands with a comma. */
function secondsOf(text: string | undefined): number {
  const seconds = Number((text ?? '').replaceAll(',', ''));
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : 0;
}

function attribute(element: Element, name: string): string | undefined {
  const value = element[`@${name}`];
  return typeof value === 'string' ? decode(value) : undefined;
}

/** A tag is read as an object, or as its text when it has nothing else. */
function elements(value: unknown): Element[] {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.flatMap((one) => {
    if (isElement(one)) return [one];
    return typeof one === 'string' ? [{ '#text': one }] : [];
  });
}

function isElement(value: unknown): value is Element {
  return typeof value === 'object' && value !== null;
}

const NAMED: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function decode(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(lt|gt|amp|quot|apos));/gi,
    (all: string, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return NAMED[name.toLowerCase()] ?? all;
      const code = decimal === undefined ? parseInt(hex ?? '', 16) : Number(decimal);
      return code <= 0x10ffff ? String.fromCodePoint(code) : all;
    },
  );
}
