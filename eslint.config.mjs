import js from '@eslint/js';
import nx from '@nx/eslint-plugin';
import ts from 'typescript-eslint';
import { dependencyConstraints } from './tools/lint/dependency-table.mjs';
import { pureDeciders } from './tools/lint/pure-deciders.mjs';

const boundaries = (forSpecs) => ({
  '@nx/enforce-module-boundaries': [
    'error',
    { allow: [], depConstraints: dependencyConstraints(forSpecs), banTransitiveDependencies: false },
  ],
});

export default ts.config(
  { ignores: ['**/node_modules', '**/dist', '**/.nx', '**/.data', 'examples'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...ts.configs.recommendedTypeChecked],
    plugins: { '@nx': nx },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      ...boundaries(false),
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        {
          allowDefaultCaseForExhaustiveSwitch: false,
          requireDefaultForNonUnion: true,
          considerDefaultExhaustiveForUnions: true,
        },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      '@typescript-eslint/require-await': 'off',
      // Functions of plain objects are taken out of them all the time; none of ours uses `this`.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowArray: true, allowBoolean: true },
      ],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['**/*.spec.ts', '**/test/**/*.ts', '**/conformance/**/*.ts', '**/*.fixtures.ts', 'e2e/**/*.ts'],
    rules: boundaries(true),
  },
  {
    files: ['**/*.decider.ts', 'apps/queue/src/{jobs/job.{enqueue,endings,retry,state}.ts,schedule/**}'],
    rules: pureDeciders,
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
        URL: 'readonly',
        Buffer: 'readonly',
        fetch: 'readonly',
        performance: 'readonly',
        AbortSignal: 'readonly',
      },
    },
  },
);
