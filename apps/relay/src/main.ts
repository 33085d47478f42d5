import { DataDirectoryError } from '@hybrid/steps';
import { startTelemetry } from '@hybrid/telemetry';
import { Command, InvalidArgumentError, Option } from 'commander';
import { join } from 'node:path';
import { Bell } from './bell.js';
import { readConfiguration, type Configuration } from './configuration.js';
import { findEntries } from './journal/find-entries.js';
import { JOURNAL_LIMITS } from './journal/journal.js';
import { notifyOnStderr as notify } from './notices.js';
import { runRelay } from './relay.js';
import { SettingsError } from './settings-error.js';
import { checkRelay } from './setup.js';

declare const HYBRID_VERSION: string;

const MB = 1024 ** 2;

interface Flags {
  config: string;
  check?: boolean;
  spoolLimitMb: number;
}

async function run({ config, check, spoolLimitMb }: Flags): Promise<void> {
  const read = (): Promise<Configuration> => readConfiguration(config);
  const stopping = new AbortController();
  let asked = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (asked) process.exit(130);
      asked = true;
      stopping.abort(new Error('stopped'));
    });
  if (check) {
    const found = await checkRelay(await read(), stopping.signal);
    return void process.stdout.write(`${found.join('\n')}\n`);
  }
  const reload = new Bell();
  process.on('SIGHUP', () => reload.ring());
  const stopTelemetry = await startTelemetry('relay', { metrics: true });
  await runRelay({
    read,
    reload,
    limits: { unsentBytes: spoolLimitMb * MB },
    version: version(),
    notify,
    ready: (url) => console.log(JSON.stringify({ ready: true, service: 'relay', url })),
    stop: stopping.signal,
  });
  await stopTelemetry().catch(() => undefined);
  notify('stopped');
}

/** One line of JSON for each. */
async function find(wanted: string, { config }: Pick<Flags, 'config'>): Promise<void> {
  const { data } = await readConfiguration(config);
  let found = 0;
  for await (const entry of findEntries(join(data, 'journal'), wanted)) {
    process.stdout.write(`${JSON.stringify(entry)}\n`);
    found += 1;
  }
  if (found > 0) return;
  process.exitCode = 1;
  notify(`no webhook of the last week has the SHA-256, the delivery id or the host's id ${wanted}`);
}

function version(): string {
  return typeof HYBRID_VERSION === 'string' ? HYBRID_VERSION : '0.0.0';
}

function megabytes(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 1024 ** 2) return value;
  throw new InvalidArgumentError('it must be a number of megabytes, at least 1');
}

function program(): Command {
  const config = (): Option =>
    new Option('--config <file>', 'the net-zero configuration')
      .env('HYBRID_RELAY_CONFIG')
      .default('net-zero.yaml');
  const relay = new Command('hybrid-relay')
    .description('Takes webhooks, and puts what the configuration names of them on your queue.')
    .version(version())
    .addOption(config())
    .option('--check', 'reads configuration and secrets, looks whether the queue may be written to, and ends')
    .addOption(
      new Option('--spool-limit-mb <number>', 'disk for deliveries while the queue is away')
        .env('HYBRID_RELAY_SPOOL_LIMIT_MB')
        .default(JOURNAL_LIMITS.unsentBytes / MB)
        .argParser(megabytes),
    )
    .action(run);
  relay
    .command('ledger')
    .description('What the relay knows of the last week.')
    .command('find <digest-or-id>')
    .description(
      "Prints what a webhook became, by the SHA-256 of its body, the delivery's id or the host's id.",
    )
    .addOption(config())
    .action((wanted: string, _flags: object, command: Command) => find(wanted, command.optsWithGlobals()));
  return relay;
}

program()
  .parseAsync()
  .then(
    // Idle connections would keep the process for a while.
    () => process.exit(),
    (error: Error) => {
      const expected = error instanceof SettingsError || error instanceof DataDirectoryError;
      notify(expected ? error.message : `unexpected: ${error.stack ?? error.message}`);
      process.exit(1);
    },
  );
