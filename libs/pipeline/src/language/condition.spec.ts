import { describe, expect, it } from '@jest/globals';
import { ConditionError } from './cel.js';
import { evaluateCondition, parseCondition } from './condition.js';

const values = {
  branch: 'main',
  tag: '',
  commit: 'abc',
  event: 'push',
  inputs: { n: 3, deploy: true, name: 'x' },
  matrix: { os: 'linux' },
  steps: {
    build: { status: 'succeeded' as const, outputs: { tag: 'v1' } },
    'unit-tests': { status: 'failed' as const, outputs: {} },
  },
  scan: { passed: true, critical: 0, high: 0, medium: 2, low: 0, info: 0 },
  tests: { passed: false, total: 10, failed: 1, skipped: 0, flaky: 3 },
};
const status = { success: true, failure: false };

describe('conditions', () => {
  it.each([
    ["branch == 'main' && commit.startsWith('a')", true],
    ['inputs.deploy && inputs.n > 2', true],
    ['inputs.n == 4', false],
    ["matrix.os in ['linux', 'macos']", true],
    ["steps.build.status == 'succeeded' && steps.build.outputs.tag == 'v1'", true],
    ["steps['unit-tests'].status == 'failed'", true],
    ['has(steps.build.outputs.other)', false],
    ['always()', true],
    ['success()', true],
    ['failure() || !success()', false],
    ['cancelled()', false],
    ["event == 'push' && tag == ''", true],
    ['scan.passed == true && scan.critical + scan.high == 0', true],
    ['scan.medium > 2', false],
    ['tests.passed || tests.flaky >= 3 && tests.total < 11', true],
  ])('%s', (expression, result) => {
    expect(parseCondition(expression)).toBeDefined();
    expect(evaluateCondition(expression, values, status)).toBe(result);
  });

  it.each([
    ['inputs.other', 'No such key: other'],
    ['inputs.constructor == 1', 'No such key: constructor'],
    ['inputs.name', 'is neither true nor false'],
    ["steps.build.outputs.__proto__ == 'x'", 'No such key: __proto__'],
  ])('%s has no result', (expression, message) => {
    expect(() => evaluateCondition(expression, values, status)).toThrow(ConditionError);
    expect(() => evaluateCondition(expression, values, status)).toThrow(message);
  });

  it.each([
    ['scan.pased', 'No such key: pased'],
    ["scan.high == '1'", 'no such overload: int == string'],
    ['tests', 'is $tests, not true or false'],
  ])('%s is refused', (expression, message) => {
    expect(() => parseCondition(expression)).toThrow(message);
  });

  it('tells which steps it looks at and whether it asks for the status', () => {
    expect(parseCondition("failure() && steps.a.status == 'x' || 'c' in steps['b'].outputs")).toMatchObject({
      steps: ['a', 'b'],
      inputs: [],
      matrix: [],
      scan: false,
      asksForStatus: true,
    });
    expect(parseCondition('true')).toMatchObject({ steps: [], scan: false, asksForStatus: false });
    expect(parseCondition('inputs.a == matrix.b')).toMatchObject({ inputs: ['a'], matrix: ['b'] });
    expect(parseCondition('scan.passed')).toMatchObject({ scan: true });
  });

  it.each([
    "cel.bind(a, 'x', a == 'x')",
    '[1].map(x, x) == []',
    "branch.matches('(a+)+b')",
    '{"a": [1].exists(x, true)}.a',
  ])('%s is refused: it could be made to run long', (expression) => {
    expect(() => parseCondition(expression)).toThrow('which conditions do not have');
  });
});
