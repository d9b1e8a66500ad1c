import type { Asker } from '../shared/FairQueue.ts';
import type { ClientAddress } from './ClientAddress.ts';
import { networkOf } from './login/networkOf.ts';
import { principalName } from './Principal.ts';
import type { Principal } from './Principal.ts';

/** For whom a connection asks: its login's principal, else the network of its address. A new one for each connection. */
export function askerOf(principal: Principal, { address }: ClientAddress): Asker {
  return { owner: principal.kind === 'anonymous' ? networkOf(address) : principalName(principal) };
}
