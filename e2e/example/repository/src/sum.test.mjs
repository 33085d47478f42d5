import { strictEqual } from 'node:assert';
import { test } from 'node:test';
import { sum } from './sum.mjs';

test('adds', () => strictEqual(sum(1, 2), 3));
