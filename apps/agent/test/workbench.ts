/** What each spec of the running agent needs: a gateway, folders, a git repository, and a way to leave nothing behind. */
import type { ClaimedJob, JobSpec } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { afterEach, beforeEach } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAgent, type AgentProcess } from './agent-process.js';
import { FakeGateway, JOIN_TOKEN, logText, type RecordedJob } from './fake-gateway.js';

/** One workbench for the tests of a file, laid out anew for each. */
export function workbench(): Workbench {
  const bench = new Workbench();
  beforeEach(() => bench.open());
  afterEach(() => bench.close());
  return bench;
}

export class Workbench {
  gateway = new FakeGateway();
  agents: AgentProcess[] = [];
  home = '';

  async open(): Promise<void> {
    this.gateway = new FakeGateway();
    this.agents = [];
    this.home = await mkdtemp(join(tmpdir(), 'hybrid-agent-'));
    await this.gateway.start();
  }

  async close(): Promise<void> {
    for (const { child, ended } of this.agents) {
      // Told twice, an agent ends at once together with what it runs.
      for (let tries = 0; child.exitCode === null && child.signalCode === null && tries < 100; tries++) {
        child.kill(tries < 90 ? 'SIGTERM' : 'SIGKILL');
        await Promise.race([ended, new Promise((wake) => setTimeout(wake, 50))]);
      }
      await ended;
    }
    await this.gateway.stop();
    await rm(this.home, { recursive: true, force: true });
  }

  get data(): string {
    return join(this.home, 'data');
  }

  /** An agent with the process executor; does not wait for it. */
  start(args: string[] = [], env: Record<string, string> = {}): AgentProcess {
    const own = [
      '--url',
      this.gateway.url,
      '--name',
      'tester',
      '--data',
      this.data,
      '--executor',
      'process',
      '--allow-host',
    ];
    const allowed = { HYBRID_ALLOW_LOCAL_REPOSITORIES: 'yes' };
    const agent = startAgent([...own, ...args], { HYBRID_JOIN_TOKEN: JOIN_TOKEN, ...allowed, ...env });
    this.agents.push(agent);
    return agent;
  }

  async startReady(args: string[] = [], env: Record<string, string> = {}): Promise<AgentProcess> {
    const agent = this.start(args, env);
    await ready(agent);
    return agent;
  }

  /** A repository with one commit; answers its path and the commit. */
  async repository(files: Record<string, string>): Promise<{ repository: string; commit: string }> {
    const repository = await mkdtemp(join(this.home, 'repository-'));
    const git = (...args: string[]): string =>
      execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8' });
    git('init', '--quiet', '--initial-branch=main');
    for (const [name, text] of Object.entries(files)) await writeFile(join(repository, name), text);
    git('add', '.');
    git('-c', 'user.name=T', '-c', 'user.email=t@example.com', 'commit', '--quiet', '-m', 'first');
    return { repository, commit: git('rev-parse', 'HEAD').trim() };
  }

  /** A job of shell commands. */
  shell(
    commands: string[],
    config: Record<string, unknown> = {},
    rest: Omit<Partial<ClaimedJob>, 'spec'> & { spec?: Partial<JobSpec> } = {},
  ): RecordedJob {
    const { spec, ...job } = rest;
    const step = { id: 'build', name: 'build', type: 'step.shell_exec', config: { commands, ...config } };
    return this.gateway.offer({ step, ...spec }, job);
  }
}

/** An agent starts in a second, and many start side by side. */
const READY_MS = 60_000;
/** A step takes a second, or ten until it is killed, and is then told of. */
const COMPLETED_MS = 60_000;

export async function ready(agent: AgentProcess): Promise<{ agent_id: string; executor: string }> {
  return eventually(() => {
    const line = agent.stdout.split('\n')[0] ?? '';
    if (!line.startsWith('{')) throw new Error(`not ready; it said: ${agent.stderr}`);
    return JSON.parse(line) as { agent_id: string; executor: string };
  }, READY_MS);
}

/** The job's accepted result; the failure shows its log. */
export async function completed(record: RecordedJob): Promise<RecordedJob['completed'][0]> {
  return eventually(() => {
    const [result] = record.completed;
    if (!result)
      throw new Error(`not completed; started ${record.started} time(s); its log:\n${logText(record)}`);
    return result;
  }, COMPLETED_MS);
}
