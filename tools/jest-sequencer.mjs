// The order of spec files: those with kills and faults take longest, so they begin first and nobody waits for one at the end.
import { createRequire } from 'node:module';

// Found from where jest is, as it is a dependency of jest and not of ours.
const { default: Sequencer } = createRequire(createRequire(import.meta.url).resolve('jest'))(
  '@jest/test-sequencer',
);
const LONG = /kills|faults|outages|compose/;

export default class LongestFirst extends Sequencer {
  sort(tests) {
    const long = ({ path }) => Number(LONG.test(path));
    return super.sort(tests).sort((a, b) => long(b) - long(a));
  }
}
