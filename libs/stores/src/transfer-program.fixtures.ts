/** Stores a file and fetches it back, and says how much memory that took at most, in bytes: run as `<url> <from> <to>`. */
import { fetchFile, fileSource } from './transfer.js';
import { openStore } from './open-store.js';

const [url = '', from = '', to = ''] = process.argv.slice(2);
const store = await openStore(url);
const source = await fileSource(from);
await store.put('large', source);
await fetchFile(store, 'large', to, source);
process.stdout.write(String(process.resourceUsage().maxRSS * 1024));
