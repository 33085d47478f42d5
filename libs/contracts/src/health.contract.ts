import { request } from './request.js';

/** Every service that answers messages, the gateway left out: it only asks. */
export const SERVICES = [
  'queue',
  'pipelines',
  'agents',
  'registry',
  'identity',
  'deployments',
  'routing',
] as const;

/** What of the settings is unsafe, and what to do about it. Never the setting's value where that is a secret. */
export interface Finding {
  /** The setting's name. */
  setting: string;
  finding: string;
  remedy: string;
}

/** Answered by every service: itself and what it depends on. */
export interface ServiceHealth {
  service: string;
  status: 'healthy' | 'unhealthy';
  dependencies: Record<string, 'up' | 'down'>;
  /** Of its build. */
  version?: string;
  /** What is unsafe in its settings; for who operates it. Not told by replicas of older versions. */
  findings?: Finding[];
}

export function healthRequest(service: string) {
  return request<Record<string, never>, ServiceHealth>(`qry.${service}.health.check`, 2_000);
}

/** As a doctor sees a service: what it says of itself, or that it says nothing. */
export interface ServiceDiagnosis {
  service: string;
  status: ServiceHealth['status'] | 'unreachable';
  dependencies: ServiceHealth['dependencies'];
  /** Null where it does not tell. */
  version: string | null;
  findings: Finding[];
}

/** What is unsafe or broken in an installation. */
export interface DoctorReport {
  /** The gateway's. */
  version: string;
  /** Of the gateway's settings. */
  findings: Finding[];
  services: ServiceDiagnosis[];
}
