/** One deployment in a process of its own, that a spec can kill: argv[2] is the Deployment as JSON; says its phases. */
import { DockerProvider } from './docker-provider.js';
import type { Deployment } from './provider.js';

const deployment = JSON.parse(process.argv[2]!) as Deployment;
const { state } = await new DockerProvider().deploy(deployment, {
  log: () => undefined,
  phase: (text) => process.stdout.write(`${text}\n`),
  signal: new AbortController().signal,
});
process.stdout.write(`${state}\n`);
