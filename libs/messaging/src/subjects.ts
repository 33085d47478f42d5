/** The forms of subjects on core NATS, from which `permissions.ts` says who may publish and hear which. */

/** Where a request goes that nobody answers on its own subject: to replicas that would leave it to others. */
export function lastResortOf(subject: string): string {
  return `last-resort.${subject}`;
}

/** Answered as long as the process is there that gave the subject out. */
export function aliveSubject(service: string, id: string): string {
  return `alive.${service}.${id}`;
}

/** What inboxes of a service's begin with: nobody else may listen there. */
export function inboxPrefix(service: string): string {
  return `_INBOX.${service}`;
}

/**
 * Where a reply to one request goes: `_INBOX.<who asked>.<its connection>.<who may answer>.<number>`, so that a service
 * can answer what it was asked, and not what another one was.
 */
export function replySubject(inbox: string, answerer: string, number: string): string {
  return `${inbox}.${answerer}.${number}`;
}

const ASKS_A_SERVICE = /^(?:last-resort\.)?(?:cmd|qry|alive)\.([^.]+)\./;

/** The service that answers on a subject; `jetstream` for what none of them does. */
export function answererOf(subject: string): string {
  return ASKS_A_SERVICE.exec(subject)?.[1] ?? 'jetstream';
}
