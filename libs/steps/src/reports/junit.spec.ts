import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { specSeed } from '@hybrid/testing';
import { parseJunit, type TestOutcome } from './junit.js';
import { testReport } from './test-report.js';

const asIs = (text: string): string => text;
const report = (...xmls: string[]): ReturnType<typeof testReport> =>
  testReport(xmls.flatMap(parseJunit), asIs);

/** The shapes of each runner, as its documentation shows them. */
const SUREFIRE = `<?xml version="1.0" encoding="UTF-8"?>
<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="3.0.2" name="com.acme.CartTest" time="1,000.5" tests="4" errors="1" skipped="1" failures="0">
  <properties><property name="java.version" value="21"/></properties>
  <testcase name="adds" classname="com.acme.CartTest" time="1,000.25"/>
  <testcase name="waits" classname="com.acme.CartTest" time="0.1">
    <flakyFailure message="expected &lt;1&gt; but was &lt;2&gt;" type="AssertionError">
      <stackTrace>AssertionError at CartTest.java:9</stackTrace>
      <system-out>noise</system-out>
    </flakyFailure>
  </testcase>
  <testcase name="pays" classname="com.acme.CartTest" time="0.05">
    <error message="no bank" type="java.io.IOException">java.io.IOException: no bank&#10;&#9;at CartTest.java:20</error>
    <rerunFailure message="no bank again" type="java.io.IOException"/>
    <system-out><![CDATA[<error>not a tag & not an entity</error>]]></system-out>
  </testcase>
  <testcase name="later" classname="com.acme.CartTest" time="0"><skipped message="not yet"/></testcase>
</testsuite>`;

const PYTEST = `<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" errors="0" failures="1" skipped="0" tests="2" time="0.045" timestamp="2026-01-01T00:00:00" hostname="h">
<testcase classname="tests.test_cart" name="test_add[1-2]" file="tests/test_cart.py" line="12" time="0.001" />
<testcase classname="tests.test_cart" name="test_pay" file="tests/test_cart.py" line="20" time="0.002"><failure message="assert 1 == 2">def test_pay():
&gt;       assert 1 == 2
E       assert 1 == 2</failure></testcase></testsuite></testsuites>`;

const JEST = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="jest tests" tests="2" failures="1" errors="0" time="1.2">
  <testsuite name="cart" errors="0" failures="1" skipped="0" timestamp="2026-01-01T00:00:00" time="0.9" tests="2">
    <testcase classname="cart adds" name="cart adds" time="0.01"></testcase>
    <testcase classname="cart pays" name="cart pays" time="0.02" file="/workspace/src/cart.test.ts">
      <failure>Error: expect(received).toBe(expected) // Object.is equality
    at Object.toBe (src/cart.test.ts:7:15)</failure>
    </testcase>
  </testsuite>
</testsuites>`;

const GO = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="2" failures="1">
	<testsuite name="example.com/cart" tests="2" failures="1" errors="0" id="0" hostname="h" time="0.151">
		<properties><property name="go.version" value="go1.22 linux/amd64"></property></properties>
		<testcase name="TestAdd" classname="example.com/cart" time="0.020"></testcase>
		<testcase name="TestPay/card" classname="example.com/cart" time="0.130">
			<failure message="Failed"><![CDATA[    cart_test.go:11: got 1 & <2>]]></failure>
		</testcase>
	</testsuite>
</testsuites>`;

const GTEST = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="2" failures="1" disabled="1" errors="0" time="0.011" name="AllTests">
  <testsuite name="MathTest" tests="2" failures="1" disabled="1" skipped="0" errors="0" time="0.011">
    <testcase name="Addition" file="math_test.cc" line="9" status="run" result="completed" time="0.007" classname="MathTest">
      <failure message="Value of: add(1, 1)&#x0A;  Actual: 3" type=""><![CDATA[math_test.cc:11
Value of: add(1, 1)
  Actual: 3]]></failure>
    </testcase>
    <testcase name="DISABLED_Later" file="math_test.cc" line="20" status="notrun" result="suppressed" time="0" classname="MathTest"/>
  </testsuite>
</testsuites>`;

describe('JUnit XML', () => {
  it('of Maven Surefire: tests that were tried again within the report', () => {
    expect(report(SUREFIRE)).toEqual({
      total: 4,
      failed: 1,
      skipped: 1,
      flaky: 1,
      seconds: 1000.4,
      failures: [
        {
          name: 'com.acme.CartTest › pays',
          message: 'java.io.IOException: no bank\n\tat CartTest.java:20',
          seconds: 0.05,
        },
      ],
      flaky_tests: [{ name: 'com.acme.CartTest › waits', message: 'expected <1> but was <2>', seconds: 0.1 }],
    });
  });

  it('of pytest', () => {
    expect(report(PYTEST)).toMatchObject({
      total: 2,
      failed: 1,
      failures: [
        {
          name: 'tests.test_cart › test_pay',
          file: 'tests/test_cart.py',
          line: 20,
          message: 'def test_pay():\n>       assert 1 == 2\nE       assert 1 == 2',
        },
      ],
    });
  });

  it('of jest-junit, whose class is the name', () => {
    expect(report(JEST)).toMatchObject({
      total: 2,
      failed: 1,
      seconds: 0.03,
      failures: [{ name: 'cart pays', file: '/workspace/src/cart.test.ts', message: /^Error: expect/ }].map(
        (one) => ({ ...one, message: expect.stringMatching(one.message) }),
      ),
    });
  });

  it('of go-junit-report', () => {
    expect(report(GO)).toMatchObject({
      total: 2,
      failed: 1,
      failures: [
        { name: 'example.com/cart › TestPay/card', message: 'Failed\ncart_test.go:11: got 1 & <2>' },
      ],
    });
  });

  it('of googletest, where a disabled test is a skipped one', () => {
    expect(report(GTEST)).toMatchObject({
      total: 2,
      failed: 1,
      skipped: 1,
      failures: [{ name: 'MathTest › Addition', file: 'math_test.cc', line: 9 }],
    });
  });

  it('a test that failed and then succeeded is flaky, one that fails to the end is one failure', () => {
    const suite = (...tests: string[]): string => `<testsuite name="s">${tests.join('')}</testsuite>`;
    const good = '<testcase classname="c" name="a" time="1"/>';
    const bad = '<testcase classname="c" name="a" time="1"><failure message="no"/></testcase>';
    expect(report(suite(bad, good))).toMatchObject({ total: 1, failed: 0, flaky: 1, seconds: 2 });
    expect(report(suite(bad), suite(good))).toMatchObject({ total: 1, failed: 0, flaky: 1 });
    expect(report(suite(bad, bad))).toMatchObject({ total: 1, failed: 1, flaky: 0 });
    expect(report(suite(good, bad))).toMatchObject({ total: 1, failed: 1, flaky: 0 });
    // Cases of one test with different data may have one name.
    expect(report(suite(good, good, good))).toMatchObject({ total: 3, failed: 0, flaky: 0 });
  });

  it('lists so many and counts all', () => {
    const tests = Array.from(
      { length: 250 },
      (_, n) => `<testcase name="t${n}"><failure>${'x'.repeat(3000)}</failure></testcase>`,
    );
    const { failed, failures } = report(
      `<testsuites><testsuite name="s">${tests.join('')}</testsuite></testsuites>`,
    );
    expect([failed, failures.length, failures[0]?.message?.length]).toEqual([250, 100, 2000]);
  });

  it.each([
    ['', /.+/],
    ['not xml', /.+/],
    ['<html></html>', /neither testsuites nor testsuite/],
    ['<testsuite><testcase></testsuite>', /.+/],
    ['<!DOCTYPE x [<!ENTITY a "b">]><testsuite name="&a;"/>', /document type/],
    [`${'<testsuite>'.repeat(100_000)}`, /.+/],
    [`${'<testsuite>'.repeat(500)}${'</testsuite>'.repeat(500)}`, /nested/i],
  ])('refuses what is none (%#)', (xml, message) => {
    expect(() => parseJunit(xml)).toThrow(message);
  });

  it('an empty report is one without tests', () => {
    expect(report('<testsuites/>', '<testsuite name="x" tests="0"/>')).toMatchObject({ total: 0, failed: 0 });
  });

  it('names of tags and attributes reach no prototype', () => {
    const xml =
      '<testsuite name="s"><__proto__ polluted="1"/><testcase name="a"><constructor/></testcase></testsuite>';
    try {
      parseJunit(xml);
    } catch {
      // Refused is fine, too.
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('whatever stands in it ends in a report or an Error', () => {
    const piece = fc.constantFrom(
      '<testsuite name="a">',
      '</testsuite>',
      '<testcase name="b" line="-1" time="x">',
      '</testcase>',
      '<failure',
      '/>',
      '<![CDATA[',
      ']]>',
      '&#99999999;',
      '&amp;',
      '&#x0;',
      '<!--',
      '-->',
      '<?xml',
      '?>',
      '"',
      "'",
      '>',
      '<',
      'text',
      '\u0000',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        try {
          report(pieces.join(' '));
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { seed: specSeed(), numRuns: 500 },
    );
  });

  it('take no longer for a test that is there hundreds of thousands of times', () => {
    const [once] = parseJunit('<testsuite><testcase name="a"/></testsuite>');
    expect(testReport(Array<TestOutcome>(400_000).fill(once!), asIs)).toMatchObject({ total: 400_000 });
  });

  it('have a name, and no text that is empty, whatever the report lacks', () => {
    const xml = '<testsuite><testcase file="&#27;[0m"><failure message="&#27;[0m"/></testcase></testsuite>';
    const withoutColours = (text: string): string => text.replaceAll('\x1b[0m', '');
    expect(testReport(parseJunit(xml), withoutColours).failures).toEqual([{ name: '(no name)', seconds: 0 }]);
  });
});
