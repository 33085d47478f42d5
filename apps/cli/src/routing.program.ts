/** Names and options of the commands that bring the outside in: configuration, relays, deliveries, triggers. */
import { InvalidArgumentError, type Command } from 'commander';
import { contextOf } from './context.js';
import { does, doesHere, paged } from './does.js';
import {
  deleteConnection,
  listConnections,
  listDeliveries,
  listRelays,
  listSchedules,
  listTriggers,
  pauseConnection,
  removeRelay,
  resumeConnection,
  verifyConnection,
  viewConnection,
  viewDelivery,
  viewRelay,
} from './routing.command.js';

const NET_ZERO_FILE = 'net-zero.yaml';

export function routingCommands(program: Command): void {
  configCommands(program);
  connectionCommands(program);
  relayCommands(program);
  deliveryCommands(program);
  routesCommands(program);
  webhookCommands(program);
  const trigger = program.command('trigger').description('what starts pipelines by itself');
  paged(trigger.command('list').description('what each pipeline says under `on`')).action(does(listTriggers));
  const schedule = program.command('schedule').description('pipelines that start by the clock');
  paged(schedule.command('list').description('when each is next, in UTC')).action(does(listSchedules));
}

function configCommands(program: Command): void {
  const config = program
    .command('config')
    .description('the net-zero configuration: where webhooks come from, and what runs because of them');
  const load = () => import('./config.command.js');
  config
    .command('validate [files...]')
    .description(
      `check configurations, those of tools too (${NET_ZERO_FILE} unless told); ends with 1 where there are errors`,
    )
    .action(doesHere(async () => (await load()).validateConfigs, 1));
  config
    .command('schema')
    .description('its JSON Schema, for editors')
    .option('--tool', "that of a tool's configuration")
    .action(doesHere(async () => (await load()).printSchema, 1));
  config
    .command('init [file]')
    .description(`write a commented example (${NET_ZERO_FILE} unless told)`)
    .action(doesHere(async () => (await load()).initConfig, 1));
  config
    .command('apply [file]')
    .description("tell the control plane its part of it; the relay's part stays here")
    .option('--dry-run', 'only show what would go')
    .action(async (file: string | undefined, options: { dryRun?: boolean }, command: Command) =>
      (await load()).applyConfig(contextOf(command), file, options),
    );
}

function connectionCommands(program: Command): void {
  const connection = program
    .command('connection')
    .description("the customers' queues that the control plane reads");
  paged(connection.command('list').description('all of them')).action(does(listConnections));
  connection.command('view <name>').alias('get').description('one of them').action(does(viewConnection, 1));
  connection
    .command('verify <name>')
    .description('look at its queue anew: what is allowed, and what is too much; 1 where it cannot be read')
    .action(does(verifyConnection, 1));
  connection
    .command('pause <name>')
    .description('read nothing from its queue; what is there waits')
    .requiredOption('--reason <text>', 'told to whoever looks')
    .action(does(pauseConnection, 2));
  connection.command('resume <name>').description('read on').action(does(resumeConnection, 1));
  connection.command('delete <name>').description('for good').action(does(deleteConnection, 1));
}

function relayCommands(program: Command): void {
  const relay = program.command('relay').description("who takes webhooks on the customers' side");
  paged(relay.command('list').description('all of them'))
    .option('--status <status>', 'such as OFFLINE')
    .option('--connection <name>', 'of one connection')
    .action(does(listRelays));
  relay.command('view <id>').alias('get').description('one of them').action(does(viewRelay, 1));
  relay
    .command('remove <id>')
    .description('what it signs from now on is refused')
    .action(does(removeRelay, 1));
}

function deliveryCommands(program: Command): void {
  const delivery = program.command('delivery').description('webhooks as they came, and what was decided');
  paged(delivery.command('list').description('newest first'))
    .option('--connection <name>', 'of one connection')
    .option('--repository <name>', 'such as acme/web')
    .option('--status <status>', 'such as FAILED')
    .action(does(listDeliveries));
  delivery
    .command('view <id>')
    .alias('get')
    .description('one of them: by which rule what happened, and why')
    .action(does(viewDelivery, 1));
}

function routesCommands(program: Command): void {
  program
    .command('routes')
    .description('rules: what an event brings about')
    .command('test [event]')
    .description(
      'which rules fit an event (a delivery in JSON, or with --tool the body of a webhook), and why',
    )
    .option('--config <file>', 'the configuration', NET_ZERO_FILE)
    .option('--tool <tool>', 'whose webhook it is: github, gitlab, bitbucket, gitea, standard or hmac')
    .option(
      '--event <event>',
      "the host's name of it, which stands in a header: push, pull_request, Push Hook",
    )
    .option('--source <name>', "name of the source; the tool's unless told")
    .option('--tools <folder>', 'configurations of tools instead of those that come with hybrid')
    .action(doesHere(async () => (await import('./routes.command.js')).testRoutes, 2));
}

function webhookCommands(program: Command): void {
  program
    .command('webhook')
    .description('webhooks for trying out')
    .command('send <url>')
    .description('send one, signed as the host does')
    .requiredOption('--tool <tool>', 'github, gitlab, bitbucket, gitea, standard or hmac')
    .requiredOption('--event <event>', "the host's name of it: push, pull_request, Push Hook")
    .requiredOption('--body <file>', 'JSON; - for standard input')
    .requiredOption('--secret-file <file>', "the webhook's secret")
    .option('--tools <folder>', 'configurations of tools: how `hmac` is signed')
    .option('--header <name=value>', 'another header; may be repeated', header)
    .action(doesHere(async () => (await import('./webhook.command.js')).sendWebhook, 2));
}

function header(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('it looks like x-gitlab-instance=https://gitlab.example');
  return { ...before, [text.slice(0, at).toLowerCase()]: text.slice(at + 1) };
}
