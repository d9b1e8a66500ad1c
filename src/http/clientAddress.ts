import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv4 } from 'node:net';
import { networkOf } from '../core/client.ts';

/** The addresses whose word counts on whom they speak for (`server.trustedProxies`). */
export class TrustedProxies {
  readonly #ranges = new BlockList();

  /** CIDRs, or single addresses. Throws a RangeError for what is neither. */
  constructor(cidrs: readonly string[]) {
    for (const cidr of cidrs) this.#add(cidr);
  }

  has(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#ranges.check(address, family === 4 ? 'ipv4' : 'ipv6');
  }

  #add(cidr: string): void {
    const [address = '', prefix, ...rest] = cidr.split('/');
    const bits = isIPv4(address) ? 32 : 128;
    const length = prefix === undefined ? bits : Number(prefix);
    if (
      isIP(address) === 0 ||
      rest.length > 0 ||
      prefix === '' ||
      !Number.isInteger(length) ||
      length < 0 ||
      length > bits
    ) {
      throw new RangeError(`trustedProxies: ${JSON.stringify(cidr)} is not a CIDR`);
    }
    this.#ranges.addSubnet(address, length, bits === 32 ? 'ipv4' : 'ipv6');
  }
}

/**
 * Who the request comes from: the peer, or whom trusted proxies say that they speak for (the nearest that is not one of them
 * itself). Null where an untrusted peer claims to speak for somebody: then nobody knows.
 */
export function speakerOf(request: IncomingMessage, proxies: TrustedProxies): string | null {
  const peer = plainAddress(request.socket.remoteAddress ?? '');
  const header = request.headers['x-forwarded-for'];
  if (header === undefined) return request.headers.forwarded === undefined ? peer : null;
  if (!proxies.has(peer)) return null;
  const hops = (Array.isArray(header) ? header.join(',') : header).split(',').map((hop) => plainAddress(hop.trim()));
  return hops.findLast((hop) => !proxies.has(hop)) ?? hops[0] ?? peer;
}

/** Whom connections are counted for: what an untrusted peer claims is not believed. A /64 of IPv6 is one household. */
export function countedAddress(request: IncomingMessage, proxies: TrustedProxies): string {
  return networkOf(speakerOf(request, proxies) ?? plainAddress(request.socket.remoteAddress ?? ''));
}

/** Nobody in between can listen: the peer is on this machine, or a trusted proxy says that it ended TLS for the client. */
export function isSecure(request: IncomingMessage, proxies: TrustedProxies): boolean {
  const peer = plainAddress(request.socket.remoteAddress ?? '');
  const proto = request.headers['x-forwarded-proto'];
  if (proxies.has(peer)) {
    const speaker = speakerOf(request, proxies);
    if (proto === undefined) return speaker !== null && isLoopback(speaker);
    // A chain of proxies lists what each of them heard: all of it must have been TLS.
    return (Array.isArray(proto) ? proto.join(',') : proto)
      .split(',')
      .every((hop) => hop.trim().toLowerCase() === 'https');
  }
  return isLoopback(peer) && speakerOf(request, proxies) !== null && proto === undefined;
}

export function isLoopback(address: string): boolean {
  return address === '::1' || (isIPv4(address) && address.startsWith('127.'));
}

/** `::ffff:127.0.0.1` is how a dual-stack socket writes 127.0.0.1; a port or a zone is no part of who somebody is. */
export function plainAddress(text: string): string {
  const [bare = ''] = text.replace(/^::ffff:(?=\d+\.)/i, '').split('%', 1);
  if (isIP(bare) !== 0) return bare;
  const [, bracketed, v4] = /^(?:\[([0-9a-f:.]+)\]|([\d.]+))(?::\d+)?$/i.exec(bare) ?? [];
  return bracketed ?? v4 ?? bare;
}
