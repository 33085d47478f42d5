/** Checks of single values that a JSON Schema cannot express. */
import { Cron } from 'croner';
import { MAX_BACKOFF_SECONDS, MAX_TIMEOUT_SECONDS } from '../definition.js';
import { child } from '../document.js';
import { durationSeconds } from '../duration.js';
import { isOfType } from '../inputs.js';
import { mountOf } from '../normalise/config.js';
import { listOf, mapOf, type RawMap } from '../normalise/raw.js';
import { schedulesOf } from '../normalise/triggers.js';
import { sizeBytes } from '../size.js';
import type { Draft } from './draft.js';

const MONTH = 30 * 86_400;
/** What Docker takes at least. */
const MIN_MEMORY = 6 * 1024 ** 2;
const MAX_MEMORY = 4 * 1024 ** 4;
/** From which the next time of a schedule is looked for: the answer shall not depend on the day of the check. */
const EPOCH = new Date('2024-01-01T00:00:00Z');

export function checkValues(draft: Draft): void {
  const { definition, document, report } = draft;
  const root = mapOf(document.value);
  checkDuration(draft, root.timeout, '/timeout', 1, MONTH);
  checkDurations(draft, mapOf(root.defaults), '/defaults');
  listOf(root.steps).forEach((value, index) => checkStep(draft, mapOf(value), `/steps/${index}`));
  checkSchedules(draft, root);
  for (const [name, input] of Object.entries(definition.inputs)) {
    const pointer = child('/on/manual/inputs', name);
    if (input.default !== undefined && !isOfType(input.default, input.type)) {
      report(`${pointer}/default`, `the default of a ${input.type} must be a ${input.type}`);
    }
  }
}

function checkStep(draft: Draft, step: RawMap, at: string): void {
  const config = mapOf(step.config);
  const health = mapOf(config.health_check);
  const bounded = (value: unknown, pointer: string, min: number, max: number): void =>
    checkDuration(draft, value, `${at}${pointer}`, min, max);
  checkDurations(draft, step, at);
  bounded(step.queue_timeout, '/queue_timeout', 1, MONTH);
  bounded(config.timeout, '/config/timeout', 1, step.type === 'step.gate' ? MONTH : MAX_TIMEOUT_SECONDS);
  bounded(health.interval, '/config/health_check/interval', 1, 3600);
  bounded(health.timeout, '/config/health_check/timeout', 1, 3600);
  bounded(health.start_period, '/config/health_check/start_period', 0, MAX_TIMEOUT_SECONDS);
  for (const [key, service] of Object.entries(step.services ?? {})) {
    bounded(mapOf(service).ready_timeout, `${child('/services', key)}/ready_timeout`, 1, 3600);
  }
  checkSandbox(draft, config, `${at}/config`);
}

function checkSandbox({ report, sound }: Draft, config: RawMap, at: string): void {
  const { memory } = config;
  if ((typeof memory === 'string' || typeof memory === 'number') && sound(`${at}/memory`)) {
    const bytes = sizeBytes(memory);
    if (bytes === undefined || bytes < MIN_MEMORY || bytes > MAX_MEMORY) {
      report(`${at}/memory`, `must be between 6 MiB and 4 TiB, not \`${memory}\``);
    }
  }
  listOf(config.mounts).forEach((mount, index) => {
    if (!sound(`${at}/mounts/${index}`)) return;
    const { source, target } = mountOf(mount);
    for (const path of [source, target]) {
      if (path.startsWith('/') && !path.split('/').includes('..')) continue;
      report(`${at}/mounts/${index}`, `a mount has absolute paths without \`..\`, not \`${path}\``);
    }
  });
}

function checkSchedules({ report, sound }: Draft, root: RawMap): void {
  const on = mapOf(root.on);
  if (!sound('/on/schedule')) return;
  for (const { cron, at } of schedulesOf(on.schedule)) {
    const fault = faultOfCron(cron);
    if (fault) report(`/on/schedule${at}`, `\`${cron}\` ${fault}`);
  }
}

/** What is wrong with a schedule; undefined if nothing is. */
function faultOfCron(cron: string): string | undefined {
  try {
    const schedule = new Cron(cron, { paused: true, mode: '5-part', timezone: 'UTC' });
    return schedule.nextRun(EPOCH) ? undefined : 'is a time that never comes';
  } catch (error) {
    const [why = ''] = String((error as Error).message)
      .replace('CronPattern: ', '')
      .split('\n');
    return `is no schedule: ${why.slice(0, 120)}; write minute, hour, day, month and weekday, as in 0 3 * * *`;
  }
}

function checkDurations(draft: Draft, owner: RawMap, pointer: string): void {
  const retry = mapOf(owner.retry);
  checkDuration(draft, owner.timeout, `${pointer}/timeout`, 1, MAX_TIMEOUT_SECONDS);
  checkDuration(draft, retry.backoff, `${pointer}/retry/backoff`, 0, MAX_BACKOFF_SECONDS);
  checkDuration(draft, retry.max_backoff, `${pointer}/retry/max_backoff`, 0, MAX_TIMEOUT_SECONDS);
}

function checkDuration(
  { report, sound }: Draft,
  value: unknown,
  pointer: string,
  min: number,
  max: number,
): void {
  if ((typeof value !== 'string' && typeof value !== 'number') || !sound(pointer)) return;
  const seconds = durationSeconds(value);
  if (seconds === undefined || seconds < min || seconds > max) {
    report(pointer, `must be between ${min} and ${max} seconds, not \`${value}\``);
  }
}
