// Who may import whom: the table of ARCHITECTURE.md, as @nx/enforce-module-boundaries reads it.
// Tags stand in each package.json under "nx".

const table = {
  leaf: [],
  domain: ['leaf', 'domain'],
  'server-lib': ['leaf', 'server-lib'],
  servers: [],
  service: ['leaf', 'domain', 'server-lib'],
  standalone: ['leaf', 'domain', 'server-lib', 'service'],
  'event-store': [],
  'customer-lib': ['leaf', 'customer-lib'],
  customer: ['leaf', 'domain', 'customer-lib'],
  launcher: ['servers'],
  bench: ['leaf', 'server-lib', 'servers'],
  e2e: ['leaf', 'domain', 'server-lib', 'servers', 'testing', 'test-platform'],
  testing: ['leaf'],
  'test-platform': ['leaf', 'server-lib', 'servers'],
};

/** @param forSpecs true for specs, which alone may import `testing`, `test-platform` and the servers. */
export function dependencyConstraints(forSpecs) {
  return Object.entries(table).map(([scope, allowed]) => ({
    sourceTag: `scope:${scope}`,
    onlyDependOnLibsWithTags: [
      ...allowed,
      ...(forSpecs ? ['testing', 'test-platform', 'servers', 'leaf'] : []),
    ].map((tag) => `scope:${tag}`),
  }));
}
