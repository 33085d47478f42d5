/** The command line: names, options and help. What a command does is in the `*.command.ts` files. */
import { Command, Option } from 'commander';
import { accessCommands } from './access.program.js';
import {
  deregisterAgent,
  drainAgent,
  getAgent,
  getPool,
  listAgents,
  listPools,
  pausePool,
  resumeAgent,
  resumePool,
  scalePool,
} from './agent.command.js';
import { listConsumers, replayConsumer } from './consumer.command.js';
import { contextOf } from './context.js';
import { doctor } from './doctor.command.js';
import { does, outputOf, paged, whole } from './does.js';
import { execCommand } from './exec/exec.program.js';
import { EXIT_CODES_HELP } from './exit-codes.js';
import { explainJob } from './explain.command.js';
import { cancelJob, getJob, listJobs, requeueJobs, setJobPriority, showJobLog } from './job.command.js';
import { login, logout, whoami } from './login.command.js';
import { keyPairCommands, pipelineCommands } from './pipeline.program.js';
import { listProjections, rebuildProjection, replayProjection } from './projection.command.js';
import { queueStats, verifyQueue } from './queue.command.js';
import { commandReference } from './reference.js';
import { routingCommands } from './routing.program.js';
import { artifactCommands, sealKeyCommands } from './seal-key.program.js';
import { gateCommands, runCommands } from './run.program.js';
import { storeCommands } from './store.command.js';

declare const HYBRID_VERSION: string | undefined;
const version = typeof HYBRID_VERSION === 'string' ? HYBRID_VERSION : '0.0.0';

export function buildProgram(): Command {
  const program = new Command('hybrid')
    .description('Runs pipelines on a hybrid control plane and shows what happens.')
    .version(version)
    .option('--url <url>', 'the control plane (HYBRID_URL; http://127.0.0.1:8080)')
    .option(
      '--token-file <file>',
      'file with the token (HYBRID_TOKEN, HYBRID_TOKEN_FILE; that of `hybrid login`; .data/admin-token)',
    )
    .option('--key-file <file>', 'key that opens encrypted logs and artifacts (HYBRID_KEY_FILE)')
    .option('--organisation <id>', "with the administrator's token: of which one (HYBRID_ORGANISATION)")
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .addHelpText('after', EXIT_CODES_HELP)
    .exitOverride()
    .showHelpAfterError('(--help shows what there is)');
  signInCommands(program);
  runCommands(program);
  execCommand(program);
  gateCommands(program);
  pipelineCommands(program);
  keyPairCommands(program);
  jobCommands(program);
  artifactCommands(program);
  queueCommands(program);
  agentCommands(program);
  poolCommands(program);
  storeCommands(program);
  projectionCommands(program);
  consumerCommands(program);
  accessCommands(program);
  routingCommands(program);
  sealKeyCommands(program);
  program
    .command('doctor')
    .description(
      'what of the installation is unsafe, and how to mend it; ends with 1 where there is anything',
    )
    .action((_: unknown, command: Command) => doctor(contextOf(command), version));
  program
    .command('reference')
    .description('all commands, as Markdown')
    .action((_: unknown, command: Command) => outputOf(command).line(commandReference(program).trimEnd()));
  return program;
}

function signInCommands(program: Command): void {
  program
    .command('login')
    .description('sign in at the control plane, with a browser on any machine')
    .option('--open', 'open the browser of this machine')
    .action(does(login));
  program.command('logout').description('end the session of `hybrid login`').action(does(logout, 0));
  program.command('whoami').description('who is signed in, and what they may do').action(does(whoami, 0));
}

function jobCommands(program: Command): void {
  const job = program.command('job').description('jobs of the queue');
  paged(job.command('list').description('jobs, newest first'))
    .option('--status <status>', 'such as RUNNING')
    .option('--pool <pool>')
    .option('--priority <priority>', 'such as HIGH')
    .option('--agent <id>', 'of one agent')
    .option('--run-id <id>', 'of one run')
    .option('--group <group>', 'of one concurrency group')
    .action(does(listJobs));
  job.command('get <id>').alias('view').description('one job').action(does(getJob, 1));
  job
    .command('logs <id>')
    .description('what it wrote')
    .option('-f, --follow', 'go on until the job is over')
    .action(does(showJobLog));
  job
    .command('explain <id>')
    .description('why it waits or waited, and who was given what instead')
    .option('--claims <n>', 'newest claims of its pool that are looked at, up to 1000; 50 unless told', whole)
    .action(does(explainJob));
  job.command('cancel <id>').description('stop it, waiting or running').action(does(cancelJob, 1));
  job
    .command('priority <id> <priority>')
    .description('CRITICAL, HIGH, NORMAL or LOW')
    .action(does(setJobPriority, 2));
  job
    .command('requeue [id]')
    .description('queue it again: one job, or all that fit')
    .option('--dead-letters', 'all that were given up')
    .option('--failed', 'all that have failed')
    .option('--pool <pool>', 'only of this pool')
    .option('--priority <priority>', 'only of this priority')
    .option('--run-id <id>', 'only of this run')
    .option('--pipeline-id <id>', 'only of this pipeline')
    .option('--limit <n>', 'oldest first; 1000 unless told', whole)
    .action(does(requeueJobs));
}

function queueCommands(program: Command): void {
  const queue = program.command('queue').description('the queue as a whole');
  queue
    .command('stats')
    .description('what waits and runs, and how what ended has fared')
    .option('--window <window>', '5m, 1h or 24h; 24h unless told')
    .action(does(queueStats));
  queue
    .command('verify')
    .description('derive every past claim from the log again; ends with 1 at any divergence')
    .action(does(verifyQueue, 0));
}

function agentCommands(program: Command): void {
  const agent = program.command('agent').description('the machines that run steps');
  paged(agent.command('list').description('all agents'))
    .option('--status <status>', 'such as OFFLINE')
    .option('--pool <pool>')
    .action(does(listAgents));
  agent.command('get <id>').description('one agent').action(does(getAgent, 1));
  agent.command('drain <id>').description('give it no new jobs').action(does(drainAgent, 1));
  agent.command('resume <id>').description('give it jobs again').action(does(resumeAgent, 1));
  agent
    .command('deregister <id>')
    .description('for good; its jobs are queued again')
    .action(does(deregisterAgent, 1));
}

function poolCommands(program: Command): void {
  const pool = program.command('pool').description('agents that share jobs');
  pool.command('list').description('all pools').action(does(listPools, 0));
  pool.command('get <pool>').description('one pool').action(does(getPool, 1));
  pool
    .command('pause <pool>')
    .description('give its jobs to no agent; what runs goes on')
    .requiredOption('--reason <text>', 'told to whoever asks why a job waits')
    .action(does(pausePool, 2));
  pool.command('resume <pool>').description('give out its jobs again').action(does(resumePool, 1));
  pool
    .command('scale <pool>')
    .description('how many agents it should have, and why; with options: within which limits')
    .option('--min <n>', 'agents at least', whole)
    .option('--max <n>', 'agents at most', whole)
    .option('--target-wait <seconds>', 'a job should wait no longer', whole)
    .option('--agent-capacity <n>', 'jobs at a time of a new agent', whole)
    .action(does(scalePool, 2));
}

function projectionCommands(program: Command): void {
  const projection = program.command('projection').description('read models: what lists are answered from');
  projection.command('list').description('how each one fares').action(does(listProjections));
  projection
    .command('rebuild <service.name>')
    .description('build one anew beside the live one, and wait for its end')
    .action(does(rebuildProjection, 1));
  projection
    .command('replay <service.name>')
    .description('apply its parked events again, after what failed was mended')
    .action(does(replayProjection, 1));
}

function consumerCommands(program: Command): void {
  const consumer = program.command('consumer').description('who acts on events, and what they gave up');
  consumer.command('list').description('how far each one is').action(does(listConsumers));
  consumer
    .command('replay <consumer>')
    .description('hand it its parked events again, after what failed was mended')
    .action(does(replayConsumer, 1));
}
