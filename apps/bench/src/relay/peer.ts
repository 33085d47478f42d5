/**
 * The peer: `webhook` (adnanh/webhook, a Debian package), set up as people do: it looks at the signature of GitHub's and
 * runs a program, here one that puts the payload on the same stream of Redis as our relay does its deliveries.
 */
import { findProgram, freePort, startProcess } from '@hybrid/servers';
import { Redis } from 'ioredis';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { figuresOf, repeat, type Figures } from '../latency.js';
import type { Cleanup } from '../queue/cleanup.js';
import { cpuOf } from '../queue/machine.js';
import { Host, WEBHOOK_SECRET } from './webhooks.js';

export const NO_WEBHOOK =
  'no webhook and redis-cli on this machine: the peer is left out (Debian, Ubuntu: apt-get install webhook redis-tools)';
const CLIENTS = 20;

export interface Receiver {
  name: string;
  url: string;
  pid: number;
}

export interface Received {
  name: string;
  /** From the request to the answer, and until it is on the queue; one at a time. */
  answered: Figures;
  queued: Figures;
  /** A second that come onto the queue. */
  rate: number;
  /** Milliseconds of each, with the processes that it starts. */
  cpu: number;
}

/** Null where it is not installed. */
export async function startPeer(
  directory: string,
  redisUrl: string,
  stream: string,
  cleanup: Cleanup,
): Promise<Receiver | null> {
  const [program, cli] = [findProgram('webhook'), findProgram('redis-cli')];
  if (!program || !cli) return null;
  await mkdir(directory, { recursive: true });
  const { port: redisPort, username, password } = new URL(redisUrl);
  const script = join(directory, 'enqueue.sh');
  await writeFile(
    script,
    `#!/bin/sh\nprintf %s "$PAYLOAD" | exec ${cli} -p ${redisPort} --user ${username} -x XADD ${stream} '*' body\n`,
  );
  await chmod(script, 0o700);
  const hooks = join(directory, 'hooks.json');
  const header = { source: 'header', name: 'X-Hub-Signature-256' };
  const hook = {
    id: 'hub',
    'execute-command': script,
    'command-working-directory': directory,
    'pass-environment-to-command': [{ envname: 'PAYLOAD', source: 'entire-payload' }],
    'trigger-rule': { match: { type: 'payload-hmac-sha256', secret: WEBHOOK_SECRET, parameter: header } },
    // Without it, it answers before the program has begun.
    'include-command-output-in-response': true,
    'trigger-rule-mismatch-http-response-code': 401,
  };
  await writeFile(hooks, JSON.stringify([hook]));
  const port = await freePort();
  const started = await startProcess({
    name: 'webhook',
    command: program,
    args: ['-hooks', hooks, '-ip', '127.0.0.1', '-port', String(port), '-verbose'],
    env: { PATH: process.env['PATH'], REDISCLI_AUTH: decodeURIComponent(password) },
    log: join(directory, 'webhook.log'),
    readyLine: (line) => (line.includes('serving hooks on') ? {} : undefined),
  });
  cleanup.add(() => started.stop());
  await started.ready;
  return { name: 'webhook', url: `http://127.0.0.1:${port}/hooks/hub`, pid: started.pid };
}

/** Counts what comes onto the stream. */
export async function measureReceiver(
  { name, url, pid }: Receiver,
  redisUrl: string,
  stream: string,
  times: { one: number; many: number },
): Promise<Received> {
  const redis = new Redis(redisUrl);
  const host = new Host(url, CLIENTS);
  let last = (await redis.xrevrange(stream, '+', '-', 'COUNT', 1))[0]?.[0] ?? '0-0';
  const arrived = async (count: number): Promise<void> => {
    for (let seen = 0; seen < count;) {
      const [[, entries = []] = []] = ((await redis.xread(
        'COUNT',
        1_000,
        'BLOCK',
        30_000,
        'STREAMS',
        stream,
        last,
      )) ?? []) as [string, [string, string[]][]][];
      if (entries.length === 0)
        throw new Error(`${name}: ${count - seen} webhooks do not come onto the queue`);
      seen += entries.length;
      last = entries.at(-1)![0];
    }
  };
  try {
    await Promise.all([arrived(1), host.push()]);
    const answers: number[] = [];
    const queued = await repeat(
      1,
      (turn) => turn < times.one,
      async () => {
        const begin = performance.now();
        const coming = arrived(1);
        await host.push();
        answers.push(performance.now() - begin);
        await coming;
      },
    );
    const before = await cpuOf({ pid });
    const begin = performance.now();
    await Promise.all([
      arrived(times.many),
      repeat(
        CLIENTS,
        (turn) => turn < times.many,
        () => host.push(),
      ),
    ]);
    const seconds = (performance.now() - begin) / 1000;
    const after = await cpuOf({ pid });
    return {
      name,
      answered: figuresOf({ latencies: answers, seconds: 1 }),
      queued: figuresOf(queued),
      rate: times.many / seconds,
      cpu: (after['pid']! - before['pid']!) / times.many,
    };
  } finally {
    redis.disconnect();
    await host.close();
  }
}
