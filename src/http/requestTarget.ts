const ABSOLUTE_FORM = /^https?:\/\/[^/?#]*/i;
const HOST = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._~-]+)(?::\d{0,5})?$/i;

/**
 * Path and query of a request target, whatever its form: `/ws?a=1`, `http://host:1/ws?a=1`, `*`. A fragment is cut off.
 * Nothing is decoded and nothing can be malformed: what is odd stays odd, and matches no route.
 */
export function originForm(target: string): string {
  const [withoutFragment = ''] = target.split('#', 1);
  const rest = withoutFragment.replace(ABSOLUTE_FORM, '');
  return rest === '' || rest.startsWith('?') ? `/${rest}` : rest;
}

/** The path of a request target, to be looked up among the routes. */
export function pathOf(target: string): string {
  const [path = '/'] = originForm(target).split('?', 1);
  return path;
}

/** True of a Host header that names a host; an absent or empty one is allowed (HTTP/1.0, and targets without authority). */
export function isHost(host: string | undefined): boolean {
  return host === undefined || host === '' || (HOST.test(host) && URL.canParse(`http://${host}`));
}
