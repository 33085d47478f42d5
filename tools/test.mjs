// npm test: does all the set-up, then runs every check and every test. Prints, last, `N passed, N failed`.
import { quickChecks, Tally } from './commands.mjs';
import { startDockerForTests } from './docker-for-tests.mjs';
import { setUp } from './start.mjs';

const TIMED = 'faults-queue-(agents|replicas)';

await setUp();
const tally = new Tally();
const stopDocker = await startDockerForTests(console.log);
try {
  await quickChecks(tally);
  await tally.check('generator', 'tools/check-generator.mjs');
  await tally.specs('int');
  // Two at a time, but for those that measure how long a replica or an agent is missed: they have the machine to themselves.
  await tally.specs('e2e', '--maxWorkers=2', `--testPathIgnorePatterns=${TIMED}`);
  await tally.specs('e2e', TIMED);
} finally {
  await stopDocker();
}
process.exit(tally.close());
