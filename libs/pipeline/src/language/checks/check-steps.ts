/** Checks of what fits together within one step. */
import type { StepDefinition } from '../definition.js';
import { child } from '../document.js';
import { listOf, mapOf, textOf, type RawMap } from '../normalise/raw.js';
import type { Draft } from './draft.js';

/** What the commands of a step have around them. */
const AROUND_COMMANDS = ['services', 'cache', 'test_reports', 'dynamic'];
const WITH_COMMANDS: StepDefinition['type'][] = ['step.shell_exec', 'step.plugin'];

const OF_MANUAL = ['approvers', 'required', 'timeout', 'auto_approve_conditions'];
const OF_RUNNING = [
  ...['pool', 'labels', 'priority', 'retry', 'timeout', 'queue_timeout', 'concurrency'],
  ...['parallel', 'max_parallel', 'fail_fast'],
];

const SECRET = /^\{\{ *\.Secrets\.[A-Za-z_][A-Za-z0-9_]* *\}\}$/;

export function checkSteps(draft: Draft): void {
  const written = listOf(mapOf(draft.document.value).steps);
  draft.definition.steps.forEach((step, index) => {
    const at = `/steps/${index}`;
    const raw = mapOf(written[index]);
    checkUses(draft, raw, at);
    if (raw.continue_on_error !== undefined && raw.allow_failure !== undefined) {
      draft.report(`${at}/allow_failure`, 'write `continue_on_error` or `allow_failure`, not both');
    }
    checkNames(draft, raw.services, `${at}/services`);
    if (!draft.sound(`${at}/config`) || !draft.sound(`${at}/type`) || !draft.sound(`${at}/uses`)) return;
    if (!WITH_COMMANDS.includes(step.type)) {
      for (const key of AROUND_COMMANDS.filter((name) => raw[name] !== undefined)) {
        draft.report(
          `${at}/${key}`,
          `\`${key}\` goes with step.shell_exec and with plugins, not with ${step.type}`,
        );
      }
    }
    checkConfig(draft, step, mapOf(raw.config), at, raw);
  });
}

function checkUses({ report }: Draft, raw: RawMap, at: string): void {
  if (raw.uses === undefined) {
    if (raw.with !== undefined)
      report(`${at}/with`, '`with` goes with `uses`; settings of a step type stand in `config`');
    return;
  }
  if (raw.type !== undefined) report(`${at}/type`, 'write `uses` or `type`, not both');
  if (typeof raw.uses === 'string' && /^[A-Za-z0-9@]/.test(raw.uses) && !raw.uses.startsWith('docker://')) {
    report(
      `${at}/uses`,
      `plugins by name come with the plugin registry; write docker://${raw.uses.split('@')[0]!.slice(0, 60)} for an image, or ./path.yaml for a template`,
    );
  }
}

function checkNames({ report }: Draft, services: unknown, at: string): void {
  const names = listOf(services).map((service) => textOf(mapOf(service).name));
  names.forEach((name, index) => {
    if (name !== undefined && names.indexOf(name) !== index)
      report(`${at}/${index}/name`, `another service is called \`${name.slice(0, 60)}\``);
  });
}

function checkConfig(draft: Draft, step: StepDefinition, config: RawMap, at: string, raw: RawMap): void {
  const { report } = draft;
  const place = `${at}/config`;
  switch (step.type) {
    case 'step.gate':
      for (const key of OF_RUNNING.filter((name) => raw[name] !== undefined)) {
        const remedy = key === 'timeout' ? '; write `config: {timeout: …}` for how long people may take' : '';
        report(`${at}/${key}`, `\`${key}\` says nothing in a gate, which no agent runs${remedy}`);
      }
      return checkGate(draft, step.config, config, place);
    case 'step.docker_push': {
      const { auth_provider, password } = step.config;
      if (auth_provider === 'basic') {
        for (const key of ['username', 'password'] as const)
          if (config[key] === undefined)
            report(place, `\`${key}\` is missing: \`auth_provider: basic\` needs it`);
        if (password !== undefined && !SECRET.test(password))
          report(`${place}/password`, 'a password is stored with the run: write {{.Secrets.NAME}}');
      } else {
        for (const key of ['username', 'password'] as const)
          if (config[key] !== undefined)
            report(
              `${place}/${key}`,
              `\`${key}\` goes with \`auth_provider: basic\`, not with ${auth_provider}`,
            );
      }
      return;
    }
    case 'step.scan_container':
      if (step.config.target === undefined && step.config.command === undefined)
        report(place, '`target` is missing: the image that is scanned (`image` is the scanner’s own)');
      return checkScan(draft, config, place);
    case 'step.scan_sast':
    case 'step.scan_deps':
      return checkScan(draft, config, place);
    case 'step.deploy':
      for (const strategy of ['rolling', 'canary', 'blue_green'] as const) {
        if (config[strategy] === undefined || step.config.strategy === strategy) continue;
        report(`${place}/${strategy}`, `\`${strategy}\` goes with \`strategy: ${strategy}\``);
      }
      if (config.docker !== undefined && step.config.provider !== 'docker')
        report(`${place}/docker`, '`docker` goes with `provider: docker`');
      return;
    case 'step.shell_exec':
    case 'step.plugin':
    case 'step.artifact_push':
    case 'step.artifact_pull':
    case 'step.docker_build':
    case 'step.docker_run':
      return;
  }
}

function checkScan({ report }: Draft, config: RawMap, place: string): void {
  for (const [one, other] of [
    ['fail_on_severity', 'severity_threshold'],
    ['artifact_key', 'artifacts_out'],
  ] as const) {
    if (config[one] !== undefined && config[other] !== undefined)
      report(`${place}/${other}`, `\`${other}\` is the same as \`${one}\`; write one of them`);
  }
}

function checkGate(
  { report }: Draft,
  gate: Extract<StepDefinition, { type: 'step.gate' }>['config'],
  config: RawMap,
  place: string,
): void {
  if (gate.type === 'automatic') {
    for (const key of OF_MANUAL.filter((name) => config[name] !== undefined)) {
      report(`${place}/${key}`, `\`${key}\` goes with \`type: manual\``);
    }
    return;
  }
  if (config.conditions !== undefined) {
    report(
      `${place}/conditions`,
      '`conditions` goes with `type: automatic`; with people, write `auto_approve_conditions`, or a second gate',
    );
  }
  const { approvers, required } = gate;
  if (approvers.length > 0 && required > approvers.length) {
    report(
      config.required === undefined ? place : `${place}/required`,
      `${required} people must approve, and only ${approvers.length} may: name more \`approvers\``,
    );
  }
  approvers.forEach((approver, index) => {
    const first = approvers.findIndex((other) => other.toLowerCase() === approver.toLowerCase());
    if (first !== index)
      report(child(`${place}/approvers`, index), `\`${approver.slice(0, 60)}\` is there twice`);
  });
}
