// npm run bench:queue, bench:pipeline, bench:store, bench:auth, bench:relay: set-up, then the benchmark that the first argument names.
import { setUp } from './start.mjs';

await setUp();
await import('../dist/bench/main.js');
