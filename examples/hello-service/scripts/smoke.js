// Starts the built service on a free port, asks it, and stops it. The first argument is the folder of the build.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const folder = process.argv[2] ?? 'dist';
const info = JSON.parse(await readFile(join(folder, 'build-info.json'), 'utf8'));
for (const [file, digest] of Object.entries(info.files)) {
  const actual = createHash('sha256')
    .update(await readFile(join(folder, file)))
    .digest('hex');
  if (actual !== digest) throw new Error(`${file} is not what was built`);
}
console.log(`${info.name} ${info.version}: ${Object.keys(info.files).length} files as they were built`);

const service = spawn(process.execPath, [join(folder, 'main.js')], {
  env: { ...process.env, PORT: '0' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  const { value: line } = await createInterface({ input: service.stdout })[Symbol.asyncIterator]().next();
  if (line === undefined) throw new Error('the service ended before it listened');
  const response = await fetch(`http://127.0.0.1:${JSON.parse(line).listening}/hello?name=pipeline`);
  const { greeting } = await response.json();
  console.log(`it says: ${greeting}`);
  if (process.env.HYBRID_OUTPUT) await appendFile(process.env.HYBRID_OUTPUT, `greeting=${greeting}\n`);
} finally {
  service.kill();
}
