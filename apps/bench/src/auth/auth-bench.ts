/**
 * `npm run bench:auth`: what it costs to know an agent by its signature. The same request, one at a time and in turn as
 * the administrator, by a token, and as an agent, signed; the difference is signing, verifying and the nonce. The
 * figure is that of the quietest round: others on the machine make it larger, never smaller.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import { measure, type Figures } from '../latency.js';
import { Cleanup } from '../queue/cleanup.js';
import { send } from '../queue/clients.js';
import { cpuOf } from '../queue/machine.js';
import { startOwnSystem } from '../queue/own-system.js';

const ROUNDS = 20;
/** Of each kind in each round. */
const REQUESTS = 200;

interface Kind {
  name: string;
  token: string;
  rounds: Figures[];
  /** Milliseconds of CPU. */
  gateway: number;
  nats: number;
}

export async function benchAuth(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'hybrid-bench-auth-'));
  const cleanup = new Cleanup();
  cleanup.add(() => rm(directory, { recursive: true, force: true }));
  const interrupt = () => void cleanup.run().finally(() => process.exit(130));
  process.once('SIGINT', interrupt);
  try {
    const system = await startOwnSystem(directory, cleanup);
    const { agents } = await system.target(1);
    const { agent_id, credential } = agents[0]!;
    const pool = new Pool(system.url, { connections: 1, pipelining: 1 });
    cleanup.add(() => pool.destroy());
    const path = `/api/agents/${agent_id}/config`;
    const kinds: Kind[] = [
      { name: 'by a token', token: system.adminToken, rounds: [], gateway: 0, nats: 0 },
      { name: 'signed', token: credential, rounds: [], gateway: 0, nats: 0 },
    ];
    const { gateway = 0, nats = 0 } = system.pids();
    // The first round is for warming up.
    for (let round = 0; round <= ROUNDS; round++)
      for (const kind of kinds) {
        const before = await cpuOf({ gateway, nats });
        const figures = await measure(1, REQUESTS, () => send(pool, 'GET', path, undefined, kind.token));
        const after = await cpuOf({ gateway, nats });
        if (round === 0) continue;
        kind.rounds.push(figures);
        kind.gateway += after['gateway']! - before['gateway']!;
        kind.nats += after['nats']! - before['nats']!;
      }
    const [token = 0, signed = 0] = kinds.map(({ name, rounds, ...spent }) => {
      const { p50, p95 } = rounds.reduce((best, one) => (one.p50 < best.p50 ? one : best));
      const each = (ms: number) => `${(ms / (ROUNDS * REQUESTS)).toFixed(3)} ms`;
      console.log(
        `${name.padEnd(12)} p50 ${p50.toFixed(3)} ms   p95 ${p95.toFixed(3)} ms   CPU of the gateway ${each(spent.gateway)}, of NATS ${each(spent.nats)}`,
      );
      return p50;
    });
    console.log(`a signature adds ${(signed - token).toFixed(3)} ms (p50), which shall be below 0.3`);
  } finally {
    process.off('SIGINT', interrupt);
    await cleanup.run();
  }
}
