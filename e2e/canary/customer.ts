/** The customer's side, with a secret in everything that must stay there: repository, vault, files, environment, stores. */
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { makeRepository } from '../repository.js';
import type { Mark } from './mark.js';

export interface Customer {
  source: { repository: string; commit: string };
  /** For an agent that runs with this customer's settings. */
  agent: { args: string[]; env: NodeJS.ProcessEnv };
  /** As `agent`, of the pool `private`, which sends no line of a log. */
  silentAgent: { args: string[]; env: NodeJS.ProcessEnv };
  stop(): void;
}

/** Does with each secret what builds do by mistake. */
const LEAK = `
n=0
for s in "$VAULT" "$FILE" "$ENV"; do
  n=$((n + 1))
  echo "clear: $s"
  echo "clear: $s" >&2
  printf '%s' "$s" | base64
  printf '%s' "$s" | base64 -w 0; echo
  printf 'a%s' "$s" | base64 -w 0; echo
  printf 'ab%s' "$s" | base64 -w 0; echo
  printf '%s' "$s" | od -An -v -tx1 | tr -d ' \\n'; echo
  printf '%s' "$s" | od -An -v -tx1 | tr -d ' \\n' | tr a-f A-F; echo
  node -e 'const s = process.argv[1]; console.log(encodeURIComponent(s), JSON.stringify({ s }))' "$s"
  rest=\${s#????????}
  printf '%s' "\${s%"$rest"}"; sleep 0.2; printf '%s\\n' "$rest"
  echo "value_$n=$s" >> "$HYBRID_OUTPUT"
  echo "::error file=$s.ts,title=$s::$s"
done
echo "name_$ENV=x" >> "$HYBRID_OUTPUT"
echo "40 at $ENV" >> "$HYBRID_PROGRESS"
echo "- { name: appended, type: step.shell_exec, config: { commands: ['true # $ENV'] } }" >> "$HYBRID_STEPS"
mkdir -p "found/$FILE"
echo x > "found/$ENV"
ls -R found
env
(set -x; : "$VAULT")
mkdir -p reports dist cached
cp secret-source.ts dist/
cp secret-source.ts cached/
sed "s/@/$ENV/g" junit.xml > reports/junit.xml
`;

const JUNIT = (
  hidden: string,
) => `<testsuite name="shop"><properties><property name="p" value="${hidden}"/></properties>
<testcase name="pays @" file="@.ts"><failure message="got @">at @</failure></testcase>
<system-out>${hidden}</system-out></testsuite>`;

const SARIF = (known: string, hidden: string) => ({
  version: '2.1.0',
  runs: [
    {
      tool: { driver: { name: 'own', version: '7', rules: [{ id: 'r', help: { text: hidden } }] } },
      invocations: [{ executionSuccessful: true, commandLine: hidden }],
      results: [
        {
          ruleId: 'hard-coded-secret',
          level: 'note',
          message: { text: `found ${known}` },
          partialFingerprints: { mine: hidden },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: 'secret-source.ts' },
                region: { startLine: 1, snippet: { text: hidden } },
                contextRegion: { startLine: 1, snippet: { text: hidden } },
              },
            },
          ],
        },
      ],
    },
  ],
});

export async function startCustomer(folder: string, mark: Mark): Promise<Customer> {
  await mkdir(folder, { recursive: true });
  const vaultSecret = `${mark.value('vault')}/&ü+`;
  const token = mark.value('vaulttoken');
  const vault = await startVault(token, { token: vaultSecret, unasked: mark.value('unasked') });
  const { path, commit } = await makeRepository(join(folder, 'repo'), {
    'secret-source.ts': `export const key = '${mark.value('source')}';\n`,
    'leak.sh': `# ${mark.value('comment')}\n${LEAK}`,
    'junit.xml': JUNIT(mark.value('systemout')),
    'findings.sarif': JSON.stringify(SARIF(mark.value('file'), mark.value('snippet'))),
    [`${mark.value('filename')}.txt`]: mark.value('content'),
  });
  await writeFile(join(folder, 'file-secret'), mark.value('file'), { mode: 0o600 });
  await writeFile(join(folder, 'vault-token'), token, { mode: 0o600 });
  const settings = `
secrets:
  VAULT: vault://secret/data/ci#token
  FILE: ${pathToFileURL(join(folder, 'file-secret')).href}
  ENV: env://CANARY_ENV
vault: { address: 'http://127.0.0.1:${(vault.address() as AddressInfo).port}', auth: token, token-file: ${join(folder, 'vault-token')} }
artifact-store: ${pathToFileURL(join(folder, 'artifacts')).href}
cache-store: ${pathToFileURL(join(folder, 'caches')).href}
`;
  await writeFile(join(folder, 'agent.yaml'), settings, { mode: 0o600 });
  for (const store of ['artifacts', 'caches', 'logs']) await mkdir(join(folder, store));
  const args = ['--config', join(folder, 'agent.yaml')];
  const env = { CANARY_ENV: mark.value('env'), AGENT_ONLY: mark.value('agentenv') };
  const logs = pathToFileURL(join(folder, 'logs')).href;
  return {
    source: { repository: path, commit },
    agent: { args, env },
    silentAgent: { args: [...args, '--pool', 'private', '--logs', 'customer', '--log-store', logs], env },
    stop() {
      vault.closeAllConnections();
      vault.close();
    },
  };
}

/** As HashiCorp's KV 2 answers. */
async function startVault(token: string, data: Record<string, string>): Promise<Server> {
  const vault = createServer(({ url, headers }, response) => {
    const found = url?.startsWith('/v1/secret/data/ci') && headers['x-vault-token'] === token;
    response.writeHead(found ? 200 : 403, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found ? { data: { data, metadata: { version: 1 } } } : { errors: ['no'] }));
  }).listen(0, '127.0.0.1');
  await once(vault, 'listening');
  return vault;
}
