import type { Gate } from './Gate.ts';
import type { Call } from './HttpHost.ts';
import { QueryParams } from './queryParams.ts';
import type { Reply } from './ReplyFaults.ts';
import { routeOf } from './restEndpoints.ts';
import type { RestWorld } from './restEndpoints.ts';
import { VenueError } from './VenueError.ts';

export interface RestApiOptions {
  readonly gate: Gate;
  readonly world: RestWorld;
}

/** The REST half: finds the endpoint, lets the gate decide, and returns the endpoint's answer. */
export class RestApi {
  readonly #options: RestApiOptions;

  constructor(options: RestApiOptions) {
    this.#options = options;
  }

  answer({ request, response, path, query }: Call): Reply {
    const { gate, world } = this.#options;
    const route = routeOf(path);
    if (route === null) return { status: 404, body: '' };
    try {
      const admission = gate.admit(request, response, route.accountId);
      gate.countRequest(request, admission.token);
      const accountId = route.accountId ?? world.accountsOf(admission.token)[0]?.id ?? '';
      const body = route.answer({ params: new QueryParams(query), accountId, ...admission }, world);
      return { status: 200, body };
    } catch (thrown) {
      if (!(thrown instanceof VenueError)) throw thrown;
      return { status: thrown.status, body: thrown.body };
    }
  }
}
