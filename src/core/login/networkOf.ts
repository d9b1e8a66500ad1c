import { isIPv6 } from 'node:net';

const GROUPS = 8;

/**
 * Whom an address is counted for: itself, but a /64 of IPv6 is one household, which has 2⁶⁴ of them. An address that was
 * counted already comes back as it is.
 */
export function networkOf(address: string): string {
  const [bare = ''] = address.split('%', 1);
  if (!isIPv6(bare)) return address;
  const mapped = /^::ffff:([\d.]+)$/i.exec(bare)?.[1];
  return mapped ?? `${groupsOf(bare).slice(0, 4).join(':')}::/64`;
}

/** All eight, each written one way. */
function groupsOf(address: string): readonly string[] {
  const [before = [], after = []] = address
    .toLowerCase()
    .replace(/[\d.]+\.\d+$/, '0:0') // two groups written as IPv4; they lie beyond the first four
    .split('::')
    .map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array<string>(Math.max(0, GROUPS - before.length - after.length)).fill('0');
  return [...before, ...zeros, ...after].map((group) => group.replace(/^0+(?=.)/, ''));
}
