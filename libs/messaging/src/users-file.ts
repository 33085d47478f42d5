/** The permissions as part of a NATS configuration, for whoever runs NATS: infra/nats/users.conf. */
import { NATS_USERS, natsPermissions } from './permissions.js';

/** Passwords are variables of the server's environment: `NATS_<SERVICE>_PASSWORD`. */
export function natsUsersFile(): string {
  const users = NATS_USERS.map((user) => ({
    user,
    password: `$NATS_${user.toUpperCase()}_PASSWORD`,
    permissions: natsPermissions(user),
  }));
  // Variables are none within quotes.
  const text = JSON.stringify({ users }, null, 2).replace(/"(\$NATS_\w+_PASSWORD)"/g, '$1');
  return `# Made by \`node tools/nats-users.mjs\` from libs/messaging/src/permissions.ts: change that.\nauthorization ${text}\n`;
}
