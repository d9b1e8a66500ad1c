import type { Writable } from 'node:stream';
import * as ws from 'ws';

/** Reads a server's bytes with ws's own receiver, as a client would; the types of ws leave this class out. */
export function frameReader(onText: (text: string) => void): (bytes: Buffer) => void {
  const { Receiver } = ws as unknown as { readonly Receiver: new (options: { isServer: boolean }) => Writable };
  const receiver = new Receiver({ isServer: false });
  receiver.on('message', (data: Buffer, isBinary: boolean) => {
    if (isBinary) throw new Error('a binary message');
    onText(data.toString('utf8'));
  });
  receiver.on('error', (error) => {
    throw error;
  });
  return (bytes) => {
    receiver.write(bytes);
  };
}
