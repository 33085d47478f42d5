import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { specSeed } from '@hybrid/testing';
import { scanReport } from './findings.js';
import { readSarif, SarifError } from './sarif.js';

const driver = { name: 'some', version: '1.2' };
const log = (run: object): string =>
  JSON.stringify({ version: '2.1.0', runs: [{ tool: { driver }, results: [], ...run }] });
const withResults = (...results: object[]): string => log({ results });
const only = (text: string) => readSarif(text).results[0];

describe('a SARIF report', () => {
  it.each([
    ['no JSON', 'Traceback (most recent call last):', 'it is not JSON'],
    ['half a report', withResults({ ruleId: 'a' }).slice(0, -5), 'it is not JSON'],
    ['a list', '[]', 'it is not a JSON object'],
    ['another version', '{"version":"1.0.0","runs":[]}', 'its version is "1.0.0"'],
    ['no version', '{"runs":[]}', 'its version is missing'],
    ['no runs', '{"version":"2.1.0"}', 'it has no runs'],
    ['an empty list of runs', '{"version":"2.1.0","runs":[]}', 'it has no runs'],
    ['a run that is a number', '{"version":"2.1.0","runs":[7]}', 'runs[0] is not an object'],
    ['results that are null', log({ results: null }), 'runs[0].results is null'],
    ['results that are an object', log({ results: {} }), 'runs[0].results is an object'],
    ['a result that is a text', log({ results: ['x'] }), 'runs[0].results[0] is not an object'],
    [
      'a scan that failed',
      log({
        invocations: [
          {
            executionSuccessful: false,
            toolConfigurationNotifications: [{ message: { text: 'no such rule' } }],
          },
        ],
      }),
      'the scanner says that it failed: no such rule',
    ],
  ])('is refused: %s', (_, text, message) => {
    expect(() => readSarif(text)).toThrow(SarifError);
    expect(() => readSarif(text)).toThrow(message);
  });

  it('may begin with a byte order mark, and may leave out its results', () => {
    expect(readSarif(`\ufeff${log({ results: undefined })}`)).toEqual({
      tool: 'some',
      version: '1.2',
      results: [],
    });
  });

  it('takes what a result leaves out from its rule, by index or by name', () => {
    const rules = [
      { id: 'first', defaultConfiguration: { level: 'note' }, properties: { 'security-severity': '9.1' } },
      { id: 'second', defaultConfiguration: { level: 'error' }, properties: { tags: ['a', 7] } },
    ];
    const tool = { driver: { ...driver, rules } };
    const read = (result: object) => only(log({ tool, results: [result] }));
    expect(read({ ruleIndex: 0 })).toMatchObject({ rule: 'first', level: 'note', securitySeverity: 9.1 });
    expect(read({ ruleId: 'second' })).toMatchObject({ rule: 'second', level: 'error', tags: ['a'] });
    expect(read({ ruleId: 'second/finer' })).toMatchObject({ rule: 'second/finer', level: 'error' });
    expect(read({ ruleId: 'second', level: 'none' })).toMatchObject({ level: 'none' });
    expect(read({ ruleId: 'third' })).toMatchObject({ rule: 'third', level: 'warning' });
    expect(read({ ruleId: 'second', kind: 'informational' })).toMatchObject({ level: 'none' });
  });

  it('leaves out what its scanner does not count', () => {
    const text = withResults(
      { ruleId: 'a', kind: 'pass' },
      { ruleId: 'b', kind: 'notApplicable' },
      { ruleId: 'c', baselineState: 'absent' },
      { ruleId: 'd', suppressions: [{ kind: 'inSource' }] },
      { ruleId: 'e', suppressions: [{ kind: 'external', status: 'rejected' }] },
      { ruleId: 'f', suppressions: [] },
    );
    expect(readSarif(text).results.map(({ rule }) => rule)).toEqual(['e', 'f']);
  });

  it('puts the arguments of a message into its template', () => {
    const rules = [{ id: 'a', messageStrings: { default: { text: 'use {0}, not {1} {7}' } } }];
    const results = [{ ruleId: 'a', message: { id: 'default', arguments: ['this', 'that'] } }];
    expect(only(log({ tool: { driver: { rules } }, results }))?.message).toBe('use this, not that {7}');
  });

  it('follows bases of its places, and not in a circle', () => {
    const read = (originalUriBaseIds: object) =>
      only(
        log({
          originalUriBaseIds,
          results: [
            { locations: [{ physicalLocation: { artifactLocation: { uri: 'a.c', uriBaseId: 'SRC' } } }] },
          ],
        }),
      )?.uri;
    expect(read({ SRC: { uri: 'src/', uriBaseId: 'TOP' }, TOP: { uri: 'file:///workspace/' } })).toBe(
      'file:///workspace/src/a.c',
    );
    expect(read({ SRC: { uri: 'x/', uriBaseId: 'SRC' } })).toHaveLength('x/'.length * 10 + 'a.c'.length);
    expect(read({})).toBe('a.c');
  });

  it('is read or refused, whatever JSON it holds', () => {
    const names = [
      'results', 'ruleId', 'rule', 'ruleIndex', 'message', 'text', 'level', 'locations', 'physicalLocation',
      'artifactLocation', 'uri', 'uriBaseId', 'region', 'startLine', 'tool', 'driver', 'rules', 'id', 'properties',
      'security-severity', 'tags', 'suppressions', 'invocations', 'partialFingerprints', '__proto__', 'constructor',
    ]; // prettier-ignore
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 7 },
        fc.constantFrom(null, true, 0, -1, 1e308, '', 'error', 'a b', 'file://host/%zz', '9.8'),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 6 }),
      ),
    }));
    fc.assert(
      fc.property(value, value, value, (results, tool, originalUriBaseIds) => {
        const text = log({ results: Array.isArray(results) ? results : [results], tool, originalUriBaseIds });
        try {
          const report = scanReport('any', readSarif(text), 'low', ['/workspace'], (text) => text);
          for (const finding of report.findings) expect(finding.fingerprint).toMatch(/^[0-9a-f]{64}$/);
        } catch (error) {
          expect(error).toBeInstanceOf(SarifError);
        }
      }),
      { seed: specSeed(), numRuns: 500 },
    );
  });

  it('may be deep or long', () => {
    const depth = 1_000_000;
    const deep = `${'['.repeat(depth)}${']'.repeat(depth)}`;
    expect(() => readSarif(deep)).toThrow(SarifError);
    expect(() => readSarif(`{"version":${deep},"runs":[]}`)).toThrow(SarifError);
    expect(() => readSarif(log({ results: 7 }).replace('7', `{"x":${deep}}`))).toThrow(SarifError);
    const nested = log({ results: [] }).replace('"results":[]', `"results":[],"properties":{"x":${deep}}`);
    let read: unknown;
    try {
      read = readSarif(nested).results;
    } catch (error) {
      read = error instanceof SarifError ? [] : error;
    }
    expect(read).toEqual([]);
    const many = withResults(
      ...Array.from({ length: 100_000 }, (_, line) => ({ ruleId: 'a', level: 'error', x: line })),
    );
    expect(scanReport('any', readSarif(many), 'none', [], (text) => text).counts.high).toBe(1);
  });
});
