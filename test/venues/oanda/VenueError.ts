/** What the venue answers to each error in a request, with the texts that were recorded. */
export class VenueError extends Error {
  override readonly name = 'VenueError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }

  /** Empty if the venue's body is not known. */
  get body(): string {
    if (this.message === '') return '';
    return JSON.stringify({ errorMessage: this.message });
  }
}

const INSUFFICIENT = 'Insufficient authorization to perform request.';

export function unauthorized(): VenueError {
  return new VenueError(401, INSUFFICIENT);
}

export function notTradable(): VenueError {
  return new VenueError(403, INSUFFICIENT);
}

/** A well-formed account that the token may not use: 403 by most reports, 401 by the venue's own page. */
export function forbidden(status: 401 | 403): VenueError {
  return new VenueError(status, 'The provided request was forbidden.');
}

export function invalid(field: string, why = ''): VenueError {
  return new VenueError(400, `Invalid value specified for '${field}'${why}`);
}

export function inFuture(field: string): VenueError {
  return invalid(field, '. Time is in the future');
}

export function missing(): VenueError {
  return new VenueError(400, 'The request was missing required data');
}

export function tooMany(): VenueError {
  return new VenueError(400, "Maximum value for 'count' exceeded");
}

/** A request over a limit: for streams neither status nor body are documented, for other requests no body. */
export function limited(status = 429): VenueError {
  return new VenueError(status, '');
}
