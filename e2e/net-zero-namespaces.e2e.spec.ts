/**
 * The boundary as a network: relay, control plane and queue each in a network of their own, and lines only from the relay
 * to the queue, from the control plane to the queue, and from the git host to the relay. A webhook becomes a run. The
 * relay registers before, over a line that is cut then: that is the only thing that it ever asks the control plane for.
 */
import type { DeliveryView, RelayView } from '@hybrid/contracts';
import { bundleOf, findNatsServer, startProcess } from '@hybrid/servers';
import { eventually, selfSignedCertificate } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { atCommit, Customer } from './net-zero/customer.js';
import { Line, Namespace, whyNoNamespaces } from './net-zero/namespaces.js';
import { natsQueue, natsUsers, type CustomerQueue } from './net-zero/queues.js';
import { startSystem, type System } from './system.js';

/** Of the networks for tests of networks (RFC 2544). */
const net = `198.18.${process.pid % 256}`;
const QUEUE = `${net}.1`;
const FROM_RELAY = [`${net}.5`, `${net}.6`] as const;
const FROM_CONTROL_PLANE = [`${net}.9`, `${net}.10`] as const;
const FROM_HOST = [`${net}.13`, `${net}.14`] as const;
const REGISTERING = [`${net}.17`, `${net}.18`] as const;
const RELAY = `${FROM_HOST[1]}:8085`;
const COMMIT = '9d1f3a52c0b84e6f7a1d2c3b4e5f60718293a4b5';

const definition = `
name: build
on: { push: { branches: [main] } }
steps:
  - { name: wait, type: step.gate, config: { type: manual } }
`;
const absent = whyNoNamespaces();

(absent ? describe.skip : describe)(
  `relay and control plane that reach nothing but the queue${absent ? ` (skipped: ${absent})` : ''}`,
  () => {
    let folder: string;
    let networks: Record<'relay' | 'queue' | 'host', Namespace>;
    let registering: Line;
    let door: Door;
    let system: System;
    let customer: Customer;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'hybrid-namespaces-'));
      networks = {
        relay: Namespace.make('relay'),
        queue: Namespace.make('queue'),
        host: Namespace.make('host'),
      };
      const { relay, queue, host } = networks;
      new Line(relay, FROM_RELAY[0], queue, FROM_RELAY[1]);
      new Line(Namespace.own, FROM_CONTROL_PLANE[0], queue, FROM_CONTROL_PLANE[1]);
      new Line(host, FROM_HOST[0], relay, FROM_HOST[1]);
      registering = new Line(relay, REGISTERING[0], Namespace.own, REGISTERING[1]);
      queue.ip('address', 'add', `${QUEUE}/32`, 'dev', 'lo');
      relay.ip('route', 'add', QUEUE, 'via', FROM_RELAY[1]);
      // This machine may have a way to everywhere; from the control plane there is none but its line to the queue.
      Namespace.own.ip('route', 'add', 'unreachable', `${net}.0/24`);
      Namespace.own.ip('route', 'add', QUEUE, 'via', FROM_CONTROL_PLANE[1]);
      Namespace.own.ip('route', 'add', FROM_HOST[1], 'via', REGISTERING[0]);
      // The customer's authority, whom both sides of his queue trust.
      const certificate = await selfSignedCertificate(folder, 'queue', QUEUE);
      const trust = { NODE_EXTRA_CA_CERTS: certificate.certFile };
      const theirs = await startQueue(folder, queue, certificate);
      system = await startSystem({ separate: true, partEnv: { routing: trust } });
      door = await doorTo(Number(new URL(system.url).port), REGISTERING[1]);
      const json = { definition, repository: 'acme/web', clone_url: 'https://git.example.com/acme/web.git' };
      await system.admin('PUT /api/pipelines/build', { json });
      customer = await Customer.start(system, {
        name: 'apart',
        queue: theirs,
        relay: {
          command: relay.command,
          listen: RELAY,
          controlPlane: `http://${REGISTERING[1]}:${door.port}`,
          env: trust,
        },
      });
    });
    afterAll(async () => {
      await customer?.stop();
      await door?.close();
      await system?.stop();
      for (const network of Object.values(networks ?? {})) network.remove();
      await rm(folder, { recursive: true, force: true });
      Namespace.own.ip('route', 'delete', 'unreachable', `${net}.0/24`);
    });

    it('a webhook becomes a run', async () => {
      await eventually(async () => {
        const { body } = await system.admin<{ relays: RelayView[] }>('GET /api/relays');
        expect(body.relays).toHaveLength(1);
      });
      const { relay, host } = networks;
      const [address, port] = RELAY.split(':') as [string, string];
      // While the line for registering is there, each finds the other.
      expect(relay.reaches(REGISTERING[1], door.port)).toBe('yes');
      expect(Namespace.own.reaches(address, Number(port))).toBe('yes');
      registering.cut();

      expect(relay.reaches(QUEUE, 4222)).toBe('yes');
      expect(Namespace.own.reaches(QUEUE, 4222)).toBe('yes');
      expect(host.reaches(address, Number(port))).toBe('yes');
      for (const itsOwn of [address, FROM_RELAY[0], REGISTERING[0]])
        expect(Namespace.own.reaches(itsOwn, Number(port))).toBe('EHOSTUNREACH');
      for (const controlPlane of [REGISTERING[1], FROM_CONTROL_PLANE[0]])
        for (const somebody of [relay, host])
          expect(somebody.reaches(controlPlane, door.port)).toBe('ENETUNREACH');

      const id = await sendFrom(host);
      const { decisions } = await eventually(async () => {
        const { status, body } = await system.admin<DeliveryView>(`GET /api/deliveries/${id}`);
        expect([status, body.status]).toEqual([200, 'SENT']);
        return body;
      });
      expect(decisions[0]!.runs).toEqual([{ pipeline: 'build', run_id: expect.any(String) }]);
      expect(await customer.log()).not.toContain('deliveries wait on disk');
    });

    /** By `hybrid webhook send`, as the git host. Answers the delivery's id. */
    async function sendFrom(host: Namespace): Promise<string> {
      await writeFile(join(folder, 'push.json'), atCommit('gitea-push', COMMIT).body);
      const [command = '', ...args] = [
        ...host.command,
        process.execPath,
        ...[bundleOf('cli'), 'webhook', 'send', '--tool', 'gitea', '--event', 'push', '-o', 'json'],
        ...['--body', join(folder, 'push.json'), '--secret-file', customer.fileOf('gitea')],
        `http://${RELAY}/webhooks/gitea`,
      ];
      const { stdout } = await promisify(execFile)(command, args);
      const { body } = JSON.parse(stdout) as { body: string };
      return (JSON.parse(body) as { id: string }).id;
    }
  },
);

/** NATS, in that network. */
async function startQueue(
  folder: string,
  network: Namespace,
  { certFile, keyFile }: { certFile: string; keyFile: string },
): Promise<CustomerQueue> {
  const passwords = { hybrid: 'owner', relay: 'relay', reader: 'reader' };
  const users = Object.entries(passwords).map(([user, password]) => ({
    ...{ user, password },
    permissions: natsUsers[user as keyof typeof natsUsers],
  }));
  const file = join(folder, 'nats.conf');
  const tls = { cert_file: certFile, key_file: keyFile };
  await writeFile(
    file,
    `listen: "${QUEUE}:4222"
tls ${JSON.stringify(tls)}
authorization { users: ${JSON.stringify(users)} }
jetstream { store_dir: ${JSON.stringify(join(folder, 'jetstream'))} }
`,
  );
  const [command = '', ...args] = [...network.command, await findNatsServer(), '-c', file];
  const server = await startProcess({
    name: 'nats of the customer',
    ...{ command, args },
    readyLine: (line) => (line.includes('Server is ready') ? {} : undefined),
  });
  await server.ready;
  return natsQueue({
    url: `tls://${QUEUE}:4222`,
    owner: { user: 'hybrid', pass: passwords.hybrid },
    tls: { caFile: certFile },
    credentials: { relay: 'relay:relay', controlPlane: 'reader:reader' },
    stop: async () => void (await server.stop()),
  });
}

interface Door {
  port: number;
  close(): Promise<void>;
}

/** Leads from an address of this machine to a port of its loopback. */
async function doorTo(port: number, address: string): Promise<Door> {
  const open = new Set<Socket>();
  const server: Server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => (near.destroy(), far.destroy()));
      socket.on('close', () => open.delete(socket));
    }
    near.pipe(far).pipe(near);
  }).listen(0, address);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
