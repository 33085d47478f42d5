import { request } from './request.js';

/** Every service that answers messages, the gateway left out: it only asks. */
export const SERVICES = ['queue', 'pipelines', 'agents', 'registry', 'identity'] as const;

/** Answered by every service: itself and what it depends on. */
export interface ServiceHealth {
  service: string;
  status: 'healthy' | 'unhealthy';
  dependencies: Record<string, 'up' | 'down'>;
  /** What is unsafe in its settings; for who operates it. */
  findings: SettingFinding[];
}

/** Something unsafe. Never a secret, nor an address. */
export interface SettingFinding {
  /** Name of the setting. */
  setting: string;
  finding: string;
  remedy: string;
}

export function healthRequest(service: string) {
  return request<Record<string, never>, ServiceHealth>(`qry.${service}.health.check`, 2_000);
}
