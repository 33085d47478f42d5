/** Whether two addresses are one repository: the same host and path, over https or ssh, both of which prove the host. */
export function isSameRepository(one: string, other: string): boolean {
  return one === other || (placeOf(one) !== null && placeOf(one) === placeOf(other));
}

/** `git@host:owner/name`, as git also writes an ssh address. */
const SHORT_SSH = /^git@([^/@:\s]+):(?!\/)([^\s]+)$/;

function placeOf(address: string): string | null {
  const [, host, path] = SHORT_SSH.exec(address) ?? [];
  const text = host ? `ssh://git@${host}/${path}` : address;
  if (!URL.canParse(text)) return null;
  const { protocol, host: place, pathname, username, password, search, hash } = new URL(text);
  const safe =
    protocol === 'https:' ? username === '' : protocol === 'ssh:' && ['', 'git'].includes(username);
  if (!safe || password || search || hash) return null;
  return `${place.toLowerCase()}${pathname.replace(/\/+$/, '').replace(/\.git$/, '')}`;
}
