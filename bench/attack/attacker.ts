import { ROWS } from './rows.ts';

// Attacks in a process of its own, so that what it costs is not in what the neighbours feel. Ended by who started it.
const [name, http = '', book = ''] = process.argv.slice(2);
const row = ROWS.find((each) => each.name === name);
if (row === undefined) throw new Error(`there is no attack ${String(name)}`);
process.on('uncaughtException', () => undefined);
await row.attack({ http, book });
