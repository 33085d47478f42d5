// Bundles one app into dist/<app>/main.js, and programs of threads, which a source names as
// `new URL('./x.worker.js', import.meta.url)`, beside it. Workspace libraries are bundled from source;
// packages from npm stay external and are loaded from node_modules.
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** Bundles the app in `apps/<name>`; answers the path of the bundle. Throws with rolldown's message. */
export async function buildApp(name) {
  const dir = join(root, 'dist', name);
  await bundle({ main: join(root, 'apps', name, 'src/main.ts') }, dir);
  return join(dir, 'main.js');
}

/** Bundles a program, by the name of its bundle, and the threads that it names. */
export async function bundle(program, dir) {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const threads = new Map();
  await write(program, dir, version, findThreads(threads));
  for (const [name, source] of threads) await write({ [name]: source }, dir, version);
}

async function write(input, dir, version, ...plugins) {
  const rolled = await rolldown({
    input,
    plugins,
    cwd: root,
    platform: 'node',
    tsconfig: join(root, 'tsconfig.base.json'),
    external: (id) => !/^(\.|\/|\0|@hybrid\/|@oxc-project\/runtime)/.test(id),
    transform: { define: { HYBRID_VERSION: JSON.stringify(version) } },
    onLog(level, log, handler) {
      if (log.code !== 'EVAL') handler(level, log);
    },
  });
  // Put in place file by file when all are there: what runs from there meanwhile never reads half a file.
  const beside = `${dir}.${process.pid}`;
  const { output } = await rolled.write({
    dir: beside,
    format: 'esm',
    sourcemap: true,
    entryFileNames: '[name].js',
    // What is loaded on demand: no hash, which would leave the chunks of every build before lying there.
    chunkFileNames: '[name].js',
  });
  await rolled.close();
  await mkdir(dir, { recursive: true });
  for (const name of await readdir(beside)) await rename(join(beside, name), join(dir, name));
  await rm(beside, { recursive: true });
  await checkVersions(
    dir,
    new Set(
      output.flatMap((chunk) => ('imports' in chunk ? [...chunk.imports, ...chunk.dynamicImports] : [])),
    ),
  );
}

/** Gathers the sources of threads by the names of their bundles. */
function findThreads(found) {
  return {
    name: 'threads',
    transform(code, id) {
      for (const [, name] of code.matchAll(/new URL\('\.\/([\w-]+\.worker)\.js', import\.meta\.url\)/g))
        found.set(name, join(dirname(id), `${name}.ts`));
    },
  };
}

/** A bundle loads its packages from the root's node_modules: they must be the versions that the workspaces declare. */
async function checkVersions(dir, imports) {
  const declared = new Map();
  for (const folder of ['apps', 'libs'])
    for (const workspace of await readdir(join(root, folder))) {
      const { dependencies = {} } = JSON.parse(
        await readFile(join(root, folder, workspace, 'package.json'), 'utf8'),
      );
      for (const [dependency, version] of Object.entries(dependencies)) declared.set(dependency, version);
    }
  for (const id of imports) {
    const dependency = id
      .split('/')
      .slice(0, id.startsWith('@') ? 2 : 1)
      .join('/');
    const wanted = declared.get(dependency);
    if (!wanted) continue;
    const { version } = JSON.parse(
      await readFile(join(root, 'node_modules', dependency, 'package.json'), 'utf8'),
    );
    if (version !== wanted)
      throw new Error(
        `${relative(root, dir)} needs ${dependency} ${wanted}, but node_modules has ${version}: declare it in the root's package.json too`,
      );
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const name = process.argv[2];
  if (!name) {
    console.error('build: which app? node tools/build.mjs <name of a folder of apps/>');
    process.exit(2);
  }
  console.log(relative(root, await buildApp(name)));
}
