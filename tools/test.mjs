// npm test: does all the set-up, then runs every check and every test. Prints, last, `N passed, N failed`.
import { findBrowserForTests } from './browser-for-tests.mjs';
import { quickChecks, Tally } from './commands.mjs';
import { startDockerForTests } from './docker-for-tests.mjs';
import { setUp } from './start.mjs';

await setUp();
const tally = new Tally();
findBrowserForTests(console.log);
const stopDocker = await startDockerForTests(console.log);
try {
  await quickChecks(tally);
  await tally.check('generator', 'tools/check-generator.mjs');
  await tally.specs('int');
  await tally.specs('e2e');
} finally {
  await stopDocker();
}
process.exit(tally.close());
