const MINIMUM = [24, 15] as const;

/** A sentence where this Node is too old to run the gateway; null where it is not. */
export function nodeTooOld(version: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const fine = major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1]);
  return fine ? null : `tickgraph needs Node ${MINIMUM.join('.')} or newer, and this is Node ${version}.`;
}
