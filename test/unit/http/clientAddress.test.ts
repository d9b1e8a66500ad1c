import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { addressForLimits, isLoopback, resolveAddress, TrustedProxies } from '../../../src/http/clientAddress.ts';

function requestFrom(peer: string, headers: IncomingMessage['headers'] = {}): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: peer });
  const request = new IncomingMessage(socket);
  Object.assign(request.headers, headers);
  return request;
}

const proxies = new TrustedProxies(['10.0.0.0/8', '127.0.0.1', 'fd00::/8']);
const forwarded = (value: string) => ({ 'x-forwarded-for': value });

describe('the address of a request', () => {
  it.each<[string, string, IncomingMessage['headers'], string | null]>([
    ['the peer', '192.0.2.1', {}, '192.0.2.1'],
    ['the peer of a dual-stack socket', '::ffff:192.0.2.1', {}, '192.0.2.1'],
    ['whom a trusted proxy names', '10.1.2.3', forwarded('192.0.2.9'), '192.0.2.9'],
    ['the nearest who is no proxy', '10.1.2.3', forwarded('198.51.100.1, 192.0.2.9, 10.9.9.9'), '192.0.2.9'],
    ['one named with a port', '127.0.0.1', forwarded('192.0.2.9:1234'), '192.0.2.9'],
    ['one of IPv6 in brackets', '127.0.0.1', forwarded('[2001:db8::1]:1234'), '2001:db8::1'],
    ['the furthest, where all are proxies', '127.0.0.1', forwarded('10.0.0.1, 10.0.0.2'), '10.0.0.1'],
    ['nobody knows, where a stranger claims to speak for another', '192.0.2.1', forwarded('127.0.0.1'), null],
    ['nobody knows, in the other notation neither', '127.0.0.1', { forwarded: 'for=192.0.2.9' }, null],
  ])('%s', (_name, peer, headers, speaker) => {
    expect(resolveAddress(requestFrom(peer, headers), proxies)).toBe(speaker);
  });

  it('an untrusted peer is counted by its own address, whatever it claims', () => {
    expect(addressForLimits(requestFrom('192.0.2.1', forwarded('198.51.100.7')), proxies)).toBe('192.0.2.1');
  });

  it.each([
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002:0:0:0:1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('an IPv6 address is counted by its network: %s by %s', (address, network) => {
    expect(addressForLimits(requestFrom(address), proxies)).toBe(network);
  });

  it.each([
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['127.evil', false],
    ['10.0.0.1', false],
    ['', false],
  ])('%j is on loopback: %j', (address, expected) => {
    expect(isLoopback(address)).toBe(expected);
  });

  it.each(['10.0.0.0/33', '10.0.0.0/', 'nonsense', '10.0.0.0/8/8', 'fd00::/129', '10.0.0.0/-1', ''])(
    '%j is no range of proxies',
    (cidr) => {
      expect(() => new TrustedProxies([cidr])).toThrow(RangeError);
    },
  );
});
