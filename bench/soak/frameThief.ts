import type { Tamper } from './world/ChaosProxy.ts';

/** It takes one frame of this many that it could take. */
const EVERY = 5;

/**
 * Takes whole WebSocket frames away from what a server sends uncompressed: one in five of those that contain the text.
 * A client whose frames are stolen notices nothing, so only an oracle can.
 */
export function frameThief(text: string): () => Tamper {
  return () => {
    let rest = Buffer.alloc(0);
    let isUpgraded = false;
    let seen = 0;
    return (bytes) => {
      rest = Buffer.concat([rest, bytes]);
      const passed: Buffer[] = [];
      if (!isUpgraded) {
        const end = rest.indexOf('\r\n\r\n');
        if (end === -1) return Buffer.alloc(0);
        isUpgraded = true;
        passed.push(rest.subarray(0, end + 4));
        rest = rest.subarray(end + 4);
      }
      for (let length = frameLength(rest); length !== null && length <= rest.length; length = frameLength(rest)) {
        const frame = rest.subarray(0, length);
        rest = rest.subarray(length);
        if (frame.includes(text)) seen += 1;
        if (!frame.includes(text) || seen % EVERY !== 0) passed.push(frame);
      }
      return Buffer.concat(passed);
    };
  };
}

/** The length of the first frame with its header; null if the header is not complete. */
function frameLength(bytes: Buffer): number | null {
  if (bytes.length < 2) return null;
  const short = bytes.readUInt8(1) & 0x7f;
  if (short < 126) return 2 + short;
  if (short === 126) return bytes.length < 4 ? null : 4 + bytes.readUInt16BE(2);
  return bytes.length < 10 ? null : 10 + Number(bytes.readBigUInt64BE(2));
}
