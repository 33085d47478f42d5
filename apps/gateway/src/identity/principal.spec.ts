import type { Grant, Role } from '@hybrid/contracts';
import { ROLES } from '@hybrid/contracts';
import { describe, expect, it } from '@jest/globals';
import type { Row } from './access-table.js';
import { covers, mayUse, mayUseOn, tendsInstallation, type Principal } from './principal.js';

const somebody = (...roles: Grant[]): Principal => ({ kind: 'user', id: 'u', org: 'acme', roles });
const machine = (kind: 'agent' | 'joiner'): Principal => ({ kind, id: 'm', org: 'acme', roles: [] });
const installation: Principal = { kind: 'installation', id: 'administrator', org: 'acme', roles: [] };
const tend: Row = { roles: ['operator', 'admin'], machines: [], on: { kind: 'pool', param: 'pool_name' } };
const agents: Row = { roles: [], machines: ['agent'] };

describe('a route', () => {
  it.each<[Role, string]>([
    ['viewer', 'no'],
    ['developer', 'no'],
    ['operator', 'yes'],
    ['admin', 'yes'],
    ['auditor', 'no'],
  ])('for operators and admins, to the role %s: %s', (role, answer) => {
    expect(mayUse(tend, somebody({ role }))).toBe(answer);
  });

  it('is for nobody without a role, and for no machine that it does not name', () => {
    for (const one of [somebody(), machine('agent'), machine('joiner')]) expect(mayUse(tend, one)).toBe('no');
    expect(mayUse(agents, machine('agent'))).toBe('yes');
    expect(mayUse(agents, machine('joiner'))).toBe('no');
  });

  it('of agents is neither for an admin nor for the installation, which hold no jobs', () => {
    expect(mayUse(agents, somebody({ role: 'admin' }))).toBe('no');
    expect(mayUse(agents, installation)).toBe('no');
    expect(mayUse(tend, installation)).toBe('yes');
  });

  it('about a pool is for those who have the role on that very pool', () => {
    const one = somebody({ role: 'operator', pool: 'gpu' }, { role: 'viewer', pool: 'slow' });
    expect(mayUse(tend, one)).toBe('on');
    expect(mayUseOn(tend, one, 'gpu')).toBe(true);
    expect(mayUseOn(tend, one, 'slow')).toBe(false);
    expect(mayUseOn(tend, one, '')).toBe(false);
  });

  it('about a pool is not for those who have the role on a pipeline of that name', () => {
    const one = somebody({ role: 'operator', pipeline: 'gpu' });
    expect(mayUse(tend, one)).toBe('no');
    expect(mayUseOn(tend, one, 'gpu')).toBe(false);
  });

  it('about nothing in particular is not for those whose role is on one thing', () => {
    expect(mayUse({ ...tend, on: undefined }, somebody({ role: 'admin', pool: 'gpu' }))).toBe('no');
  });
});

describe('a role', () => {
  it('is given by whoever has it', () => {
    for (const role of ROLES)
      for (const other of ROLES)
        expect(covers([{ role }], { role: other })).toBe(role === other || role === 'admin');
  });

  it('in the whole organisation covers it on one thing, and not the other way round', () => {
    expect(covers([{ role: 'operator' }], { role: 'operator', pool: 'gpu' })).toBe(true);
    expect(covers([{ role: 'operator', pool: 'gpu' }], { role: 'operator' })).toBe(false);
    expect(covers([{ role: 'operator', pool: 'gpu' }], { role: 'operator', pool: 'slow' })).toBe(false);
    expect(covers([{ role: 'operator', pool: 'gpu' }], { role: 'operator', pipeline: 'gpu' })).toBe(false);
    expect(covers([{ role: 'operator', pool: 'gpu' }], { role: 'operator', pool: 'gpu' })).toBe(true);
  });

  it('of an admin on one thing gives nobody anything else', () => {
    expect(covers([{ role: 'admin', pool: 'gpu' }], { role: 'viewer' })).toBe(false);
    expect(covers([{ role: 'admin', pool: 'gpu' }], { role: 'operator', pool: 'gpu' })).toBe(false);
  });
});

describe('what concerns all organisations', () => {
  it('is for the installation, and for admins of the one that was always there', () => {
    const admin = somebody({ role: 'admin' });
    expect(tendsInstallation(installation)).toBe(true);
    expect(tendsInstallation({ ...admin, org: 'default' })).toBe(true);
    expect(tendsInstallation(admin)).toBe(false);
    expect(tendsInstallation({ ...somebody({ role: 'operator' }), org: 'default' })).toBe(false);
    expect(tendsInstallation({ ...somebody({ role: 'admin', pool: 'gpu' }), org: 'default' })).toBe(false);
    expect(tendsInstallation({ ...machine('agent'), org: 'default' })).toBe(false);
  });
});
