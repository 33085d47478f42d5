/** What docs/boundary.md says that no decorator does: names in paths, bodies that are no JSON, answers that are fetched. */
import { LOG_LINE_MAX_BYTES, SEALED_LINE_MAX_BYTES, type FieldClass } from '@hybrid/contracts';

/** A name or id of 1 to 200 characters, none of them a control character; all are metadata. */
export const PATH_PARAMETERS: Readonly<Record<string, string>> = {
  agent_id: 'an agent',
  connection: "a connection to the customer's queue",
  delivery_id: 'a delivery',
  deployment_id: 'a deployment',
  durable: 'a consumer of events',
  gate: 'a step that waits for people',
  invitation_id: 'an invitation',
  job_id: 'a job',
  key_id: 'an API key; not the key',
  name: 'a read model',
  pipeline_id: 'a pipeline, by its name',
  pool_name: 'a pool',
  provider: 'whom people sign in with',
  relay_id: 'a relay',
  rule_id: 'a trust rule',
  run_id: 'a run',
  service: 'a service of the control plane',
  service_name: 'a deployed service',
  session_id: 'a session, by its public id; not its secret',
  step_id: 'a step of a run',
  token_id: 'a join token; not the token',
  user_id: 'a person, by an id made of issuer and subject',
};

export interface Row {
  field: string;
  /** Empty: it is an object, told of elsewhere. */
  class: FieldClass | '';
  bounds: string;
  what: string;
}

interface ReadByHand {
  name: string;
  from: 'body' | 'query';
  note: string;
  rows: Row[];
}

/** What a route reads itself, and no DTO describes. */
export const READ_BY_HAND: Readonly<Record<string, ReadByHand>> = {
  'GET /auth/callback/{provider}': {
    name: 'The way back from a provider',
    from: 'query',
    note: 'of browsers that a sign-in sent there; together with the headers at most 16 KiB',
    rows: [
      {
        field: 'code',
        class: 'credential',
        bounds: 'text',
        what: 'exchanged for tokens of the provider, once; kept nowhere',
      },
      {
        field: 'state',
        class: 'credential',
        bounds: 'text',
        what: "compared with that of the browser's cookie; kept nowhere",
      },
      {
        field: 'iss, error, error_description and what else a provider adds',
        class: 'metadata',
        bounds: 'text',
        what: 'checked by the library of OpenID Connect; kept nowhere',
      },
    ],
  },
  'POST /api/queue/jobs/{job_id}/logs': {
    name: 'A line of a log',
    from: 'body',
    note: 'NDJSON; never sent with `--logs customer`',
    rows: [
      { field: 'seq', class: 'metadata', bounds: 'whole number, from 0', what: 'number of the line' },
      { field: 'time', class: 'metadata', bounds: 'a time, RFC 3339', what: 'when it was written' },
      { field: 'stream', class: 'metadata', bounds: 'one of stdout, stderr, system', what: '' },
      {
        field: 'text',
        class: 'masked',
        bounds: `at most ${LOG_LINE_MAX_BYTES.toLocaleString('en')} bytes`,
        what: 'what a command wrote, or the agent said',
      },
      {
        field: 'text, where it is sealed',
        class: 'masked',
        bounds: `base64 of an age file, at most ${SEALED_LINE_MAX_BYTES.toLocaleString('en')} bytes`,
        what: 'lines that the agent has encrypted for keys of its customer (`--seal-for`)',
      },
      {
        field: 'sealed.lines',
        class: 'metadata',
        bounds: `whole number, 0 to ${SEALED_LINE_MAX_BYTES.toLocaleString('en')}`,
        what: 'optional; how many lines are sealed in it',
      },
      {
        field: 'sealed.for[]',
        class: 'metadata',
        bounds: '1 to 10; 16 hexadecimal digits',
        what: 'names of the keys that open it: digests, cut, of their recipients',
      },
    ],
  },
  'PUT /api/artifacts/{execution_id}/{key}': {
    name: 'An artifact',
    from: 'body',
    note: 'never sent by an agent with `--artifact-store`',
    rows: [
      {
        field: '(the whole body)',
        class: 'bytes',
        bounds: "the installation's limit",
        what: 'files that the definition names under `artifacts_out`',
      },
    ],
  },
};

/** Answers that the gateway asks for: nobody can send them unasked. By the file that asks. */
export const FETCHED: Readonly<Record<string, { of: string; rows: Row[] }>> = {
  'federation/issuer-fetch.ts': {
    of: 'issuers of workload tokens, that a trust rule names: discovery document and public keys',
    rows: [
      {
        field: 'issuer, jwks_uri, keys',
        class: 'digest',
        bounds: 'at most 262,144 bytes, within 5 s, no redirect',
        what: 'public keys; remembered for minutes, stored nowhere',
      },
    ],
  },
  'sign-in/providers/oidc.provider.ts': {
    of: 'OpenID Connect providers that the operator configures: discovery, tokens, userinfo',
    rows: [
      {
        field: 'sub, name, preferred_username, email, email_verified',
        class: 'metadata',
        bounds: 'cut to the length of a name or an address',
        what: 'who signs in; kept as user',
      },
      {
        field: 'id_token, access_token',
        class: 'credential',
        bounds: 'as long as the provider makes them',
        what: 'proof of who signs in; forgotten with the answer',
      },
    ],
  },
  'sign-in/providers/github.provider.ts': {
    of: 'GitHub, where the operator configures it: token, user, addresses',
    rows: [
      {
        field: 'id, login, name, email of the primary address',
        class: 'metadata',
        bounds: 'cut to the length of a name or an address',
        what: 'who signs in; kept as user',
      },
      {
        field: 'access_token',
        class: 'credential',
        bounds: 'as long as GitHub makes it',
        what: 'asks who signs in; forgotten with the answer',
      },
    ],
  },
};
