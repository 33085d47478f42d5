// `npm start`: makes the checkout ready (dependencies, build), then runs the launcher in this same process,
// so that signals and the exit code are its own. Uses nothing from npm: it runs before anything is installed.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const LEAST_NODE = [20, 20];
/** How often a long task says that it is still at work. */
const SAY_EVERY_MS = 10_000;

/** What went wrong and what to do about it. */
class SetUpError extends Error {
  name = 'SetUpError';
}

/**
 * Checks Node and git, installs the dependencies if the lock file changed, builds if a source changed.
 * Says what it does through `say`. Throws SetUpError with the remedy.
 */
export async function setUp(say = console.log) {
  checkNode();
  checkGit();
  await install(say);
  await build(say);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])) return;
  throw new SetUpError(
    `this is Node ${process.versions.node}, and hybrid needs ${LEAST_NODE.join('.')} or newer: install it (nodejs.org, or nvm install 20)`,
  );
}

function checkGit() {
  if (spawnSync('git', ['--version']).status === 0) return;
  throw new SetUpError('git is not on this machine: install it (Debian, Ubuntu: apt-get install git)');
}

async function install(say) {
  const stamp = join(root, 'node_modules', '.hybrid-lock');
  const wanted = hashOf([join(root, 'package-lock.json')], readFileSync);
  if (textOf(stamp) === wanted) return;
  say('installing dependencies (npm ci)');
  await run(
    'npm ci',
    process.platform === 'win32' ? 'npm.cmd' : 'npm',
    ['ci'],
    say,
    'is the registry of npm reachable?',
  );
  writeFileSync(stamp, wanted);
}

async function build(say) {
  const stamp = join(root, 'dist', '.build-stamp');
  // Time and size of each file instead of its bytes: starting nx only to hear that all is cached costs over a second.
  const wanted = hashOf(sourceFiles(), (path) => {
    const { mtimeMs, size } = statSync(path);
    return `${mtimeMs} ${size}`;
  });
  const bundles = folders('apps').map((app) => join(root, 'dist', app.split('/').at(-1), 'main.js'));
  if (textOf(stamp) === wanted && bundles.every((bundle) => existsSync(bundle))) return;
  say('building');
  const args = [join(root, 'tools', 'nx.mjs'), 'run-many', '-t', 'build'];
  await run('the build', process.execPath, args, say, 'is this checkout complete (git status)?');
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
}

/** Runs a command quietly: its output is shown only if it fails. */
function run(name, command, args, say, hint) {
  const start = performance.now();
  const elapsed = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  const reminder = setInterval(() => say(`  still at it after ${elapsed()}`), SAY_EVERY_MS);
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.once('error', (cause) =>
      fail(new SetUpError(`${command} cannot be run: ${cause.message}`, { cause })),
    );
    child.once('close', (code, signal) => {
      if (code === 0) {
        say(`  done in ${elapsed()}`);
        return done();
      }
      const words = Buffer.concat(output).toString('utf8').trim().split('\n').slice(-40).join('\n');
      fail(new SetUpError(`${name} failed (${signal ?? `exit code ${code}`}); ${hint}\n${words}`));
    });
  }).finally(() => clearInterval(reminder));
}

function folders(kind) {
  return readdirSync(join(root, kind), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(root, kind, entry.name, 'package.json')))
    .map((entry) => `${kind}/${entry.name}`)
    .sort();
}

function packageFiles() {
  return ['.', ...folders('apps'), ...folders('libs')].map((folder) => join(root, folder, 'package.json'));
}

function sourceFiles() {
  const own = ['package-lock.json', 'tsconfig.base.json', 'nx.json', 'tools/build.mjs'].map((name) =>
    join(root, name),
  );
  const sources = [...folders('apps'), ...folders('libs')].flatMap((folder) => {
    const directory = join(root, folder, 'src');
    if (!existsSync(directory)) return [];
    return readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.spec.ts'))
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  });
  return [...own, ...packageFiles(), ...sources.sort()];
}

function hashOf(paths, describe) {
  const hash = createHash('sha256');
  for (const path of paths)
    hash.update(path.slice(root.length)).update('\0').update(describe(path)).update('\0');
  return hash.digest('hex');
}

function textOf(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await setUp();
  } catch (error) {
    console.error(`error: ${error instanceof SetUpError ? error.message : error.stack}`);
    process.exit(1);
  }
  await import(pathToFileURL(join(root, 'dist', 'launcher', 'main.js')).href);
}
