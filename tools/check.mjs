// npm run check: what CI runs, short of the slow tests.
import { quickChecks, Tally } from './commands.mjs';
import { setUp } from './start.mjs';

await setUp();
const tally = new Tally();
await quickChecks(tally);
process.exit(tally.close());
