import { ROWS } from './rows.ts';

// Attacks from a process of its own, so that its cost does not slow the neighbours down. The parent process ends it.
const [name, http = ''] = process.argv.slice(2);
const row = ROWS.find((each) => each.name === name);
if (row === undefined) throw new Error(`there is no attack ${String(name)}`);
process.on('uncaughtException', () => undefined);
await row.attack({ http });
