import { parseTimeUnit } from './time.ts';
import type { TimeUnit } from './time.ts';

/** The parameters in a WebSocket URL. */
export interface Handshake {
  readonly streams: readonly string[];
  readonly combined: boolean;
  readonly unit: TimeUnit;
}

/** Live servers fail the handshake above this length. */
const MAX_URL_LENGTH = 8004;

/** Returns the handshake, or the status of its refusal. Unknown stream names are no reason to refuse. */
export function parseHandshake(url: string, maxStreams: number): Handshake | { readonly status: number } {
  if (url.length > MAX_URL_LENGTH) return { status: 414 };
  const [path = '', search = ''] = url.split('?', 2);
  const query = new URLSearchParams(search);
  const unit = parseTimeUnit(query.get('timeUnit') ?? undefined);
  if (unit === null) return { status: 400 };
  const target = parsePath(path, query);
  if (target === null) return { status: 404 };
  return target.streams.length > maxStreams ? { status: 400 } : { ...target, unit };
}

function parsePath(path: string, query: URLSearchParams): Omit<Handshake, 'unit'> | null {
  if (path === '/stream') return { combined: true, streams: names(query.get('streams') ?? '') };
  if (path === '/ws') return { combined: false, streams: [] };
  if (!path.startsWith('/ws/')) return null;
  try {
    return { combined: false, streams: names(decodeURIComponent(path.slice('/ws/'.length))) };
  } catch {
    return null;
  }
}

function names(list: string): string[] {
  return list.split('/').filter((name) => name !== '');
}
