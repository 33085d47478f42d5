const { test } = require('node:test');
const { strictEqual } = require('node:assert');
const { sum } = require('./sum.js');

test('adds', () => strictEqual(sum(1, 2), 3));
