import { describe, expect, it } from '@jest/globals';
import { StepProblem } from '../step.js';
import { dockerSettings } from './docker-settings.js';

describe('the settings of the provider docker', () => {
  it('have defaults', () => {
    const none = { ports: [], volumes: [], restart: 'unless-stopped' };
    expect(dockerSettings(undefined)).toEqual(none);
    expect(dockerSettings(null)).toEqual(none);
  });

  it('are read', () => {
    expect(
      dockerSettings({
        ports: ['8080:80', '127.0.0.1:53:53/udp'],
        network: 'web_net',
        volumes: ['data:/var/lib/data', 'conf:/etc/conf:ro'],
        restart: 'always',
        memory: '512m',
        cpu: 1.5,
        command: ['serve'],
      }),
    ).toEqual({
      ports: [
        { hostPort: 8080, containerPort: 80, protocol: 'tcp' },
        { hostIp: '127.0.0.1', hostPort: 53, containerPort: 53, protocol: 'udp' },
      ],
      network: 'web_net',
      volumes: [
        { name: 'data', target: '/var/lib/data', readOnly: false },
        { name: 'conf', target: '/etc/conf', readOnly: true },
      ],
      restart: 'always',
      memory: 512 * 1024 ** 2,
      cpu: 1.5,
      command: ['serve'],
    });
    expect(dockerSettings({ memory: '2GiB' }).memory).toBe(2 * 1024 ** 3);
    expect(dockerSettings({ memory: 67_108_864 }).memory).toBe(67_108_864);
  });

  it.each([
    ['', 7, 'must be an object'],
    ['', ['8080:80'], 'must be an object'],
    ['', { privileged: true }, 'has no privileged: it takes ports, network,'],
    ['.ports', { ports: '8080:80' }, 'must be a list of texts'],
    ['.ports', { ports: ['80'] }, 'has 80: write host:container'],
    ['.ports', { ports: ['0:80'] }, 'has 0:80'],
    ['.ports', { ports: ['8080:70000'] }, 'has 8080:70000'],
    ['.ports', { ports: ['1.2.3.400:80:80'] }, 'has 1.2.3.400:80:80'],
    ['.ports', { ports: ['8080:80/sctp'] }, 'has 8080:80/sctp'],
    ['.volumes', { volumes: ['/etc:/etc'] }, 'folders of the machine itself cannot be given'],
    ['.volumes', { volumes: ['../x:/etc'] }, 'folders of the machine itself cannot be given'],
    ['.volumes', { volumes: ['data:relative'] }, 'write name:/path'],
    ['.network', { network: 'host' }, 'and not host'],
    ['.network', { network: 'container:other' }, 'must be the name of a network'],
    ['.restart', { restart: 'never' }, 'must be one of no, on-failure, always, unless-stopped'],
    ['.memory', { memory: '1k' }, '6m at least'],
    ['.memory', { memory: 'much' }, 'such as 512m'],
    ['.memory', { memory: {} }, 'such as 512m'],
    ['.cpu', { cpu: '1' }, 'must be a number of cores'],
    ['.cpu', { cpu: 0 }, 'must be a number of cores'],
    ['.command', { command: 'serve' }, 'must be a list of texts'],
  ])('are refused by name: config.docker%s, %j', (where, given, message) => {
    expect(() => dockerSettings(given)).toThrow(StepProblem);
    expect(() => dockerSettings(given)).toThrow(`config.docker${where} `);
    expect(() => dockerSettings(given)).toThrow(message);
  });
});
