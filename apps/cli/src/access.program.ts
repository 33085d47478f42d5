/** The part of the command line that says who may act. */
import { InvalidArgumentError, type Command } from 'commander';
import {
  createJoinToken,
  createKey,
  createOrganisation,
  createTrustRule,
  invite,
  listInvitations,
  listJoinTokens,
  listKeys,
  listOrganisations,
  listTrustRules,
  listUsers,
  removeTrustRule,
  removeUser,
  revokeInvitation,
  revokeJoinToken,
  revokeKey,
  setRoles,
} from './access.command.js';
import { does, paged } from './does.js';
import { GRANT_HELP, readGrant } from './text/grant.js';
import { secondsOf } from './text/duration.js';
import type { Grant } from '@hybrid/contracts';

const EXPIRES = 'such as 12h or 30d';

export function accessCommands(program: Command): void {
  organisationCommands(program);
  userCommands(program);
  invitationCommands(program);
  keyCommands(program);
  joinTokenCommands(program);
  trustRuleCommands(program);
}

function organisationCommands(program: Command): void {
  const organisation = program
    .command('organisation')
    .alias('org')
    .description('tenants of the installation; a single team needs none but the one that is there');
  paged(organisation.command('list').description('all of them')).action(does(listOrganisations));
  organisation
    .command('create <id>')
    .description('lower-case letters, digits and dashes; for ever')
    .option('--name <name>', 'for people')
    .action(does(createOrganisation));
}

function userCommands(program: Command): void {
  const user = program.command('user').description('people, and what they may do');
  paged(user.command('list').description('members of the organisation')).action(does(listUsers));
  withRoles(user.command('roles <id>').description('what somebody may do from now on')).action(
    does(setRoles),
  );
  user.command('remove <id>').description('from the organisation, at once').action(does(removeUser, 1));
}

function invitationCommands(program: Command): void {
  const invitation = program.command('invite').description('links by which people join');
  paged(invitation.command('list').description('all of them')).action(does(listInvitations));
  withRoles(invitation.command('create').description('a link that works once'))
    .option('--name <name>', 'whom it is for')
    .option('--expires <time>', `${EXPIRES}; 7d unless told`, lasting)
    .action(does(invite));
  invitation.command('revoke <id>').description('before it is used').action(does(revokeInvitation, 1));
}

function keyCommands(program: Command): void {
  const key = program.command('key').description('API keys: your own; those of all for administrators');
  paged(key.command('list').description('all of them')).action(does(listKeys));
  withRoles(key.command('create <name>').description('shows it this once'))
    .option('--expires <time>', `${EXPIRES}; 90d unless told`, lasting)
    .action(does(createKey));
  key.command('revoke <id>').description('at once').action(does(revokeKey, 1));
}

function joinTokenCommands(program: Command): void {
  const token = program.command('join-token').description('what agents and relays register with');
  paged(token.command('list').description('all of them')).action(does(listJoinTokens));
  token
    .command('create <name>')
    .description('shows it this once')
    .option('--pool <pool>', 'for this pool only')
    .option('--relay', 'for relays; for agents unless told')
    .option('--expires <time>', `${EXPIRES}; 30d unless told`, lasting)
    .action(does(createJoinToken));
  token.command('revoke <id>').description('what joined with it stays').action(does(revokeJoinToken, 1));
}

function trustRuleCommands(program: Command): void {
  const rule = program
    .command('trust-rule')
    .description('workloads that join a pool, or are relays, by the token of their own platform');
  paged(rule.command('list').description('all of them')).action(does(listTrustRules));
  rule
    .command('create <name>')
    .description('which tokens of which issuer')
    .option('--pool <pool>', 'that agents join')
    .option('--relay', 'they are relays')
    .requiredOption('--issuer <url>', 'such as https://token.actions.githubusercontent.com')
    .requiredOption('--audience <audience>', 'the `aud`; one that only this installation uses')
    .requiredOption('--subject <pattern>', 'the `sub`; * stands for anything but : and /')
    .option('--claim <name=value>', 'what another claim must be; may be repeated', claim)
    .action(does(createTrustRule));
  rule.command('remove <id>').description('at once').action(does(removeTrustRule, 1));
}

function withRoles(command: Command): Command {
  return command.requiredOption(
    '--role <role>',
    `${GRANT_HELP}; may be repeated`,
    (text, before?: Grant[]) => {
      const grant = readGrant(text);
      if (!grant) throw new InvalidArgumentError(`it is one of ${GRANT_HELP}`);
      return [...(before ?? []), grant];
    },
  );
}

function lasting(text: string): number {
  const seconds = secondsOf(text);
  if (seconds === null) throw new InvalidArgumentError(EXPIRES);
  return seconds;
}

function claim(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('it looks like repository_owner=acme');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
