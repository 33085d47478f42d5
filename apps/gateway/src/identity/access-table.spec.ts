import { describe, expect, it } from '@jest/globals';
import { routeName, tableFaults } from './access-table.js';

const read = { roles: ['viewer'], machines: [] } as const;

describe('the access table', () => {
  it('calls routes as the document of the API does, and HEAD as what it is a GET of', () => {
    expect(routeName('PUT', '/api/users/:user_id/roles')).toBe('PUT /api/users/{user_id}/roles');
    expect(routeName('HEAD', '/api/runs/:run_id')).toBe('GET /api/runs/{run_id}');
  });

  it('lets no route be forgotten, and none that is gone stay', () => {
    const table = { 'GET /a': read, 'GET /b': 'everybody' } as const;
    expect(tableFaults(['GET /a', 'GET /b'], table)).toEqual([]);
    expect(tableFaults(['GET /a', 'GET /c'], table)).toEqual([
      'GET /c is not in the access table',
      'GET /b of the access table is no route',
    ]);
  });
});
