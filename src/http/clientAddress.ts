import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv4 } from 'node:net';
import { networkOf } from '../core/client.ts';
import { isForLoopback } from './origin.ts';

/** The proxies whose X-Forwarded-For and X-Forwarded-Proto headers are believed (`server.trustedProxies`). */
export class TrustedProxies {
  #ranges: BlockList;

  /** Takes CIDRs and single addresses. Throws a RangeError for anything else. */
  constructor(cidrs: readonly string[]) {
    this.#ranges = rangesOf(cidrs);
  }

  /** Believes these instead. Throws like the constructor; then nothing changes. */
  replace(cidrs: readonly string[]): void {
    this.#ranges = rangesOf(cidrs);
  }

  /** True if the address is one of a trusted proxy. */
  has(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#ranges.check(address, family === 4 ? 'ipv4' : 'ipv6');
  }
}

function rangesOf(cidrs: readonly string[]): BlockList {
  const ranges = new BlockList();
  for (const cidr of cidrs) {
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
    ranges.addSubnet(address, length, bits === 32 ? 'ipv4' : 'ipv6');
  }
  return ranges;
}

/**
 * The address that a request comes from: the peer's, or the one that trusted proxies report (the nearest hop that is not itself a
 * trusted proxy). Null if an untrusted peer claims to forward for somebody: then the address is unknown.
 */
export function resolveAddress(request: IncomingMessage, proxies: TrustedProxies): string | null {
  const peer = plainAddress(request.socket.remoteAddress ?? '');
  const header = request.headers['x-forwarded-for'];
  if (header === undefined) return request.headers.forwarded === undefined ? peer : null;
  if (!proxies.has(peer)) return null;
  const hops = (Array.isArray(header) ? header.join(',') : header).split(',').map((hop) => plainAddress(hop.trim()));
  return hops.findLast((hop) => !proxies.has(hop)) ?? hops[0] ?? peer;
}

/** The address (for IPv6 the /64 network) that limits count a request for. Claims of untrusted peers are ignored. */
export function addressForLimits(request: IncomingMessage, proxies: TrustedProxies): string {
  return networkOf(resolveAddress(request, proxies) ?? plainAddress(request.socket.remoteAddress ?? ''));
}

/** True if nobody in between can listen: the client is on this machine, or a trusted proxy reports TLS to the client. */
export function isSecure(request: IncomingMessage, proxies: TrustedProxies): boolean {
  const peer = plainAddress(request.socket.remoteAddress ?? '');
  const proto = request.headers['x-forwarded-proto'];
  if (proxies.has(peer)) {
    const address = resolveAddress(request, proxies);
    if (proto === undefined) return address !== null && isLoopback(address);
    // Each proxy of a chain adds the protocol it was reached by: every hop must have used TLS.
    return (Array.isArray(proto) ? proto.join(',') : proto)
      .split(',')
      .every((hop) => hop.trim().toLowerCase() === 'https');
  }
  return isLoopback(peer) && resolveAddress(request, proxies) !== null && proto === undefined;
}

/**
 * True if the client itself is on this machine. A proxy on this machine forwards for others, and a browser on it shows pages of
 * others, so the peer's address alone does not decide.
 */
export function isLocal(request: IncomingMessage, proxies: TrustedProxies): boolean {
  const address = resolveAddress(request, proxies);
  const { origin, host } = request.headers;
  return address !== null && isLoopback(address) && isForLoopback({ origin, host });
}

/** True for 127.0.0.0/8 and ::1. */
export function isLoopback(address: string): boolean {
  return address === '::1' || (isIPv4(address) && address.startsWith('127.'));
}

/** Strips a port, a zone and the prefix `::ffff:`, with which a dual-stack socket writes IPv4 addresses. */
export function plainAddress(text: string): string {
  const [bare = ''] = text.replace(/^::ffff:(?=\d+\.)/i, '').split('%', 1);
  if (isIP(bare) !== 0) return bare;
  const [, bracketed, v4] = /^(?:\[([0-9a-f:.]+)\]|([\d.]+))(?::\d+)?$/i.exec(bare) ?? [];
  return bracketed ?? v4 ?? bare;
}
