// One configuration, three kinds of spec by suffix: unit (.spec.ts), .int.spec.ts, .e2e.spec.ts.
const kind = process.env.SPEC_KIND ?? 'unit';
const testMatch = {
  unit: ['**/!(*.int|*.e2e).spec.ts'],
  int: ['**/*.int.spec.ts'],
  e2e: ['**/*.e2e.spec.ts'],
}[kind];
if (!testMatch) throw new Error(`SPEC_KIND is "${kind}"; it must be unit, int or e2e`);

export default {
  roots: ['<rootDir>/apps', '<rootDir>/libs', '<rootDir>/e2e'],
  testMatch,
  testEnvironment: 'node',
  // Integration and end-to-end specs wait more than they compute.
  maxWorkers: kind === 'unit' ? 2 : 3,
  testSequencer: '<rootDir>/tools/jest-sequencer.mjs',
  // Not the machine's temporary directory: tests leave nothing behind there.
  cacheDirectory: '<rootDir>/node_modules/.cache/jest',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transformIgnorePatterns: ['/node_modules/', '/dist/'],
  modulePathIgnorePatterns: ['<rootDir>/dist'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          keepClassNames: true,
        },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  // For what hangs. Far above what a test takes, so that a slow or busy machine fails none; and above the patience
  // of `eventually`, which says what it waited for.
  testTimeout: { unit: 120_000, int: 300_000, e2e: 600_000 }[kind],
};
