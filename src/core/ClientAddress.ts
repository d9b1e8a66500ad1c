/** Where a client speaks from. */
export interface ClientAddress {
  /** Whom limits count it for. */
  readonly address: string;
  /** Nobody in between can listen: it is on this machine, or TLS ends in front of the gateway. */
  readonly secure: boolean;
}
