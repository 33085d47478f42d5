/** What `hybrid config init` writes; `config/net-zero.example.yaml` is the same. */
export const netZeroExample = `# Where webhooks come from, over which queue their metadata goes, and what runs because of them.
# One file for one environment; names and references only, never a secret. Every key: docs/net-zero.md.
# \`hybrid config validate\` checks it, \`hybrid routes test\` tries its rules.
version: 1
name: acme-production # of the connection, unique in the organisation
environment: production

# The customer's own queue. The relay writes to it, the control plane may only read.
queue:
  kind: nats
  url: tls://nats.acme.example:4222
  stream: DELIVERIES
  subject: deliveries.in
  consumer: control-plane
  aside: aside.deliveries

# Where messages about decisions go (rules with \`do: send\`).
decisions:
  kind: nats
  url: tls://nats.acme.example:4222
  stream: DECISIONS
  subject: decisions.out
  consumer: acme
  aside: aside.decisions

# How each side proves itself to the queue.
credentials:
  relay: { file: /run/secrets/nats.creds }
  control_plane: { name: acme-nats } # in the folder of its operator

# For people to know; the control plane never goes there.
vault:
  kind: hashicorp
  address: https://vault.acme.example:8200
  path: secret/ci

# The relay's own part: \`hybrid config apply\` leaves it out.
relay:
  listen: 127.0.0.1:8085
  data: /var/lib/hybrid-relay
  control_plane:
    url: https://hybrid.example.com
    join_token: { env: HYBRID_JOIN_TOKEN }
  digest_key: { id: '2026-01', key: { file: /run/secrets/digest-key } }
  sources:
    - name: github
      tool: github
      secrets: [{ env: GITHUB_WEBHOOK_SECRET }]
    - name: registry
      tool: standard
      secrets:
        - { file: /run/secrets/registry-webhook }
        - { file: /run/secrets/registry-webhook-old } # until the sender has the new one

routes:
  match: first # or all
  rules:
    # Robots that update dependencies: only what pipelines ask for themselves, and only on main.
    - name: robots
      when: { author: ['dependabot*', 'renovate*'], branch: ['!main'] }
      then: { do: ignore }

    - name: release
      when: { kind: tag, repository: acme/*, tag: ['v*', '!v*-rc*'] }
      then:
        do: run
        pipeline: release
        pool: trusted
        inputs: { version: '{{metadata.tag}}', repository: '{{metadata.repository}}' }

    - name: deploy-label
      when:
        kind: pull_request
        labels: deploy
        fork: false
        if: metadata.base_branch == "main" || metadata.base_branch.startsWith("release/")
      then: { do: run, pipeline: preview, inputs: { pull_request: '{{metadata.pull_request}}' } }

    # Events that are no push, tag or pull request do something only where a rule asks for them.
    - name: image-pushed
      when: { source: registry, event: image.pushed }
      then: { do: send, message: { image: '{{metadata.attributes.image}}' } }

  # Where none fits: whatever the pipelines of the repository say under \`on\`.
  default: { do: triggers }
`;
