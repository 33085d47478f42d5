import { describe, expect, it } from '@jest/globals';
import { publicMetrics } from './public-metrics.js';

describe('metrics for readers who did not sign in', () => {
  it('hold every sample but those of one organisation', () => {
    const open = [
      '# HELP hybrid_pool_agents Agents of a pool by status',
      '# TYPE hybrid_pool_agents gauge',
      'hybrid_queue_waiting_jobs{priority="HIGH"} 3',
      'http_server_request_duration_seconds_count{http_route="/org=",error_type="x"} 1',
      'target_info{service_name="gateway"} 1',
    ];
    const closed = [
      'hybrid_pool_agents{org="acme",pool="gpu",status="HEALTHY"} 2',
      'hybrid_pool_agents{status="HEALTHY",org="acme"} 2',
    ];
    expect(publicMetrics([...open, ...closed, ''].join('\n'))).toBe([...open, ''].join('\n'));
  });
});
