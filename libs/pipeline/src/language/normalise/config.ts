/** Makes the config of each step type out of what was written: defaults filled in, sizes in bytes, words ours. */
import type {
  DeployStep,
  DockerPushStep,
  GateStep,
  HealthCheck,
  PluginStep,
  SandboxConfig,
  ScanStep,
  ShellStep,
  StepDefinition,
} from '../definition.js';
import type { SourceDocument } from '../document.js';
import { severityOf } from '../severity.js';
import { sizeBytes } from '../size.js';
import type { StepType } from '../step-types.js';
import {
  commandOf,
  flagOf,
  listOf,
  mapOf,
  numberOf,
  present,
  scalarsOf,
  secondsOf,
  textOf,
  textsOf,
  type RawMap,
} from './raw.js';

interface Written {
  document: SourceDocument;
  config: RawMap;
  /** JSON pointer of the config. */
  at: string;
  defaultImage?: string;
}

const SCANNERS = { sast: 'semgrep', container: 'trivy', deps: 'grype' };

/** The config of a sound step. */
export function configOf(type: StepType, written: Written): StepDefinition['config'] {
  const { config, document, at } = written;
  const env = scalarsOf(document, config.env, `${at}/env`);
  switch (type) {
    case 'step.shell_exec':
      return present<ShellStep['config']>({
        image: textOf(config.image) ?? written.defaultImage,
        commands: textsOf(config.commands),
        shell: config.shell as ShellStep['config']['shell'],
        work_dir: textOf(config.work_dir),
        ...inSandbox(config),
        env,
        ...artifactsOf(config),
      });
    case 'step.artifact_push':
      return present({
        source_path: textOf(config.source_path)!,
        key: textOf(config.key)!,
        dest: 'artifact_store' as const,
        retention_days: numberOf(config.retention_days),
      });
    case 'step.artifact_pull': {
      const { timeout: _, ...rest } = config;
      return rest as StepDefinition['config'];
    }
    case 'step.gate':
      return gateOf(config);
    case 'step.docker_build':
      return present({
        context: textOf(config.context) ?? '.',
        dockerfile: textOf(config.dockerfile) ?? 'Dockerfile',
        tags: textsOf(config.tags),
        build_args: scalarsOf(document, config.build_args, `${at}/build_args`),
        cache_from: textsOf(config.cache_from),
        target: textOf(config.target),
        labels: scalarsOf(document, config.labels, `${at}/labels`),
        pull: flagOf(config.pull),
        no_cache: flagOf(config.no_cache),
      });
    case 'step.docker_push':
      return present({
        image: textOf(config.image)!,
        registry: textOf(config.registry),
        auth_provider: (config.auth_provider ??
          (config.password === undefined ? 'none' : 'basic')) as DockerPushStep['config']['auth_provider'],
        username: textOf(config.username),
        password: textOf(config.password),
        also_as: textsOf(config.also_as),
      });
    case 'step.docker_run':
      return present({
        image: textOf(config.image)!,
        command: commandOf(config.command) ?? [],
        entrypoint: commandOf(config.entrypoint),
        env,
        wait_for_exit: flagOf(config.wait_for_exit) ?? true,
        work_dir: textOf(config.work_dir),
        ...inSandbox(config),
      });
    case 'step.scan_sast':
      return scanOf(config, SCANNERS.sast);
    case 'step.scan_container':
      return scanOf(config, SCANNERS.container);
    case 'step.scan_deps':
      return scanOf(config, SCANNERS.deps);
    case 'step.deploy':
      return deployOf(config, env);
  }
}

/** `uses: docker://image` with its settings and options. */
export function pluginOf(image: string, settings: RawMap, written: Written): PluginStep['config'] {
  return {
    image,
    settings,
    ...inSandbox(written.config),
    env: scalarsOf(written.document, written.config.env, `${written.at}/env`),
    ...artifactsOf(written.config),
  };
}

function inSandbox(config: RawMap): SandboxConfig {
  return present<SandboxConfig>({
    memory: config.memory === undefined ? undefined : sizeBytes(config.memory as string | number),
    cpu: numberOf(config.cpu),
    pids: numberOf(config.pids),
    network: config.network as SandboxConfig['network'],
    user: textOf(config.user),
    read_only: flagOf(config.read_only),
    mounts: config.mounts === undefined ? undefined : listOf(config.mounts).map(mountOf),
    docker_socket: flagOf(config.docker_socket),
  });
}

/** `/srv/cache:/cache:ro`, or the same as a map. */
export function mountOf(value: unknown): NonNullable<SandboxConfig['mounts']>[number] {
  if (typeof value === 'string') {
    const [source = '', target = '', mode] = value.split(':');
    return { source, target, read_only: mode === 'ro' };
  }
  const { source, target, read_only } = mapOf(value);
  return { source: textOf(source) ?? '', target: textOf(target) ?? '', read_only: read_only === true };
}

type Artifacts = Pick<ShellStep['config'], 'artifacts_out' | 'artifacts_in'>;

function artifactsOf(config: RawMap): Artifacts {
  return {
    artifacts_out: listOf(config.artifacts_out) as Artifacts['artifacts_out'],
    artifacts_in: listOf(config.artifacts_in) as Artifacts['artifacts_in'],
  };
}

function gateOf(config: RawMap): GateStep['config'] {
  if (config.type !== 'manual') return { type: 'automatic', conditions: textsOf(config.conditions) };
  return {
    type: 'manual',
    approvers: textsOf(config.approvers),
    required: numberOf(config.required) ?? 1,
    timeout_seconds: secondsOf(config.timeout) ?? null,
    auto_approve_conditions: textsOf(config.auto_approve_conditions),
  };
}

function scanOf(config: RawMap, scanner: string): ScanStep['config'] {
  const threshold = textOf(config.fail_on_severity) ?? textOf(config.severity_threshold) ?? 'high';
  const [out] = listOf(config.artifacts_out);
  return present<ScanStep['config']>({
    scanner: textOf(config.scanner) ?? scanner,
    image: textOf(config.image),
    target: textOf(config.target),
    source_path: textOf(config.source_path),
    rules: textsOf(config.rules),
    command: commandOf(config.command),
    fail_on_severity: severityOf(threshold) ?? 'high',
    ignore_unfixed: config.ignore_unfixed === true,
    output_format: 'sarif',
    artifact_key:
      textOf(config.artifact_key) ??
      textOf(config.artifacts_out) ??
      textOf(mapOf(config.artifacts_out).key) ??
      textOf(mapOf(out).key),
  });
}

function deployOf(config: RawMap, env: Record<string, string>): DeployStep['config'] {
  const { rolling, canary, blue_green, docker } = config;
  return present<DeployStep['config']>({
    environment: textOf(config.environment)!,
    service: textOf(config.service),
    strategy: (config.strategy ?? 'recreate') as DeployStep['config']['strategy'],
    image: textOf(config.image)!,
    provider: textOf(config.provider)!,
    health_check: config.health_check === undefined ? undefined : healthCheckOf(mapOf(config.health_check)),
    rollback_on_failure: flagOf(config.rollback_on_failure) ?? true,
    env,
    settings: { ...mapOf(config.settings), ...present({ rolling, canary, blue_green, docker }) },
  });
}

function healthCheckOf(check: RawMap): HealthCheck {
  return present<HealthCheck>({
    path: textOf(check.path) ?? '/',
    port: numberOf(check.port),
    interval_seconds: secondsOf(check.interval) ?? 10,
    timeout_seconds: secondsOf(check.timeout) ?? 5,
    healthy_threshold: numberOf(check.healthy_threshold) ?? 1,
    unhealthy_threshold: numberOf(check.unhealthy_threshold) ?? 3,
    start_period_seconds: secondsOf(check.start_period) ?? 60,
  });
}
