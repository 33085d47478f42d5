/** The scanners that are known by name: how each is told to write SARIF, and how it ends when it has done its work. */
import { StepProblem } from '../step.js';

export interface ScanRequest {
  type: 'step.scan_sast' | 'step.scan_container' | 'step.scan_deps';
  /** Folder or file in the workspace, relative. */
  path: string;
  /** For scan_container an image's name; for scan_deps what else than `path` is scanned, in the scanner's own words. */
  target?: string;
  rules: string[];
  ignoreUnfixed: boolean;
}

export interface Scanner {
  /** Container image that has the program; without one: what the agent offers. It needs a shell. */
  image?: string;
  /** Exit codes after a whole scan, with findings or without. Everything else is a scan that broke off. */
  finished: readonly number[];
  /** The program and its arguments; SARIF comes on stdout. Throws StepProblem for what it cannot do. */
  command(request: ScanRequest): string[];
}

/**
 * None of them is told to fail on findings: the step judges by the report, so that every scanner has the same gate and
 * an exit code other than these is a failure of the scanner alone.
 */
const SCANNERS: Record<string, Scanner> = {
  semgrep: {
    image: 'semgrep/semgrep',
    finished: [0],
    command: ({ type, path, rules, ignoreUnfixed }) => {
      only('semgrep', type, ['step.scan_sast']);
      noUnfixed('semgrep', ignoreUnfixed);
      const configs = rules.length > 0 ? rules : ['p/default'];
      const config = configs.flatMap((rule) => ['--config', rule]);
      return ['semgrep', 'scan', '--sarif', '--metrics=off', '--disable-version-check', ...config, path];
    },
  },
  trivy: {
    image: 'aquasec/trivy',
    finished: [0],
    command: ({ type, path, target, rules, ignoreUnfixed }) => {
      noRules('trivy', rules);
      const options = ['--format', 'sarif', '--quiet', ...(ignoreUnfixed ? ['--ignore-unfixed'] : [])];
      switch (type) {
        case 'step.scan_container':
          return ['trivy', 'image', '--scanners', 'vuln', ...options, target ?? missingTarget()];
        case 'step.scan_deps':
          return ['trivy', 'fs', '--scanners', 'vuln', ...options, target ?? path];
        case 'step.scan_sast':
          return ['trivy', 'fs', '--scanners', 'misconfig,secret', ...options, path];
      }
    },
  },
  grype: {
    // The plain image has no shell.
    image: 'anchore/grype:debug',
    finished: [0],
    command: ({ type, path, target, rules, ignoreUnfixed }) => {
      only('grype', type, ['step.scan_container', 'step.scan_deps']);
      noRules('grype', rules);
      const otherwise = (): string => (type === 'step.scan_deps' ? `dir:${path}` : missingTarget());
      return [
        'grype',
        target ?? otherwise(),
        '-o',
        'sarif',
        '-q',
        ...(ignoreUnfixed ? ['--only-fixed'] : []),
      ];
    },
  },
  'ast-grep': {
    // 1: findings of level error.
    finished: [0, 1],
    command: ({ type, path, rules, ignoreUnfixed }) => {
      only('ast-grep', type, ['step.scan_sast']);
      noUnfixed('ast-grep', ignoreUnfixed);
      const [rule, ...more] = rules;
      if (more.length > 0)
        throw new StepProblem(
          'ast-grep takes one file of rules: put more into one, or name them in sgconfig.yml',
        );
      return ['ast-grep', 'scan', '--format', 'sarif', ...(rule ? ['--rule', rule] : []), path];
    },
  },
  eslint: {
    // 1: findings of level error.
    finished: [0, 1],
    command: ({ type, path, rules, ignoreUnfixed }) => {
      only('eslint', type, ['step.scan_sast']);
      noUnfixed('eslint', ignoreUnfixed);
      const [config, ...more] = rules;
      if (more.length > 0) throw new StepProblem('eslint takes one configuration as its rules');
      const options = [
        '--format',
        '@microsoft/eslint-formatter-sarif',
        ...(config ? ['--config', config] : []),
      ];
      return ['npx', '--no-install', 'eslint', ...options, path];
    },
  },
  flawfinder: {
    finished: [0],
    command: ({ type, path, rules, ignoreUnfixed }) => {
      only('flawfinder', type, ['step.scan_sast']);
      noRules('flawfinder', rules);
      noUnfixed('flawfinder', ignoreUnfixed);
      return ['flawfinder', '--sarif', path];
    },
  },
};

/** Of programs that are not known: 1 is what most end with after findings; without a report it is a failure all the same. */
const OTHER_FINISHED = [0, 1];

/** The scanner by its name; with `command`, any program. Throws StepProblem for a name that is unknown. */
export function scannerOf(name: string, command: string[] | undefined): Scanner {
  const known = Object.hasOwn(SCANNERS, name) ? SCANNERS[name] : undefined;
  if (command !== undefined && command.length > 0)
    return {
      ...known,
      finished: [...new Set([...OTHER_FINISHED, ...(known?.finished ?? [])])],
      command: () => command,
    };
  if (!known)
    throw new StepProblem(
      `config.scanner is ${name}, which is not known here: use one of ${Object.keys(SCANNERS).join(', ')}, ` +
        'or say with config.command how a program of yours writes SARIF',
    );
  return known;
}

function only(scanner: string, type: ScanRequest['type'], able: ScanRequest['type'][]): void {
  if (able.includes(type)) return;
  throw new StepProblem(`${scanner} cannot do ${type}: use it with ${able.join(' or ')}, or another scanner`);
}

function noRules(scanner: string, rules: string[]): void {
  if (rules.length > 0)
    throw new StepProblem(`${scanner} takes no rules: leave out config.rules, or use config.command`);
}

function noUnfixed(scanner: string, ignoreUnfixed: boolean): void {
  if (ignoreUnfixed)
    throw new StepProblem(
      `${scanner} does not know which findings have a fix: leave out config.ignore_unfixed`,
    );
}

function missingTarget(): never {
  throw new StepProblem('config.target is missing: name the image that is to be scanned');
}
