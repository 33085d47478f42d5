// npm run bench: set-up, then the benchmark.
import { setUp } from './start.mjs';

await setUp();
await import('../dist/bench/main.js');
