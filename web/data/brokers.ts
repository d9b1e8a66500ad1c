import { computed, effect, signal } from '@preact/signals';
import type { MarketDataType } from '../../client/index.ts';
import { ask } from './ask.ts';
import type { Answer } from './ask.ts';
import { connections, generation, keepSession, socket } from './gateway.ts';
import type { Problem } from './problems.ts';

export type BrokerState = 'DISABLED' | 'CONNECTING' | 'CONNECTED' | 'DEGRADED' | 'DISCONNECTED';

export interface Broker {
  readonly id: string;
  readonly kind: string;
  readonly state: BrokerState;
  readonly enabled: boolean;
  readonly requiresAuthentication: boolean;
  readonly authenticated: boolean;
  readonly supportedTypes: readonly MarketDataType[];
  readonly synthetic: boolean;
  readonly reason: string | null;
}

const FIELDS = 'id kind state enabled requiresAuthentication authenticated supportedTypes synthetic reason';

/** All brokers; null before the gateway's first answer. */
export const brokers = signal<readonly Broker[] | null>(null);
/** The kinds of trouble that mock brokers make on demand; none if this gateway offers no such thing. */
export const faultKinds = signal<readonly string[]>([]);

export function brokerOf(id: string): Broker | null {
  return brokers.value?.find((broker) => broker.id === id) ?? null;
}

/** The ids of the brokers whose data is made up. */
export const synthetic = computed(
  () => new Set(brokers.value?.filter((broker) => broker.synthetic).map(({ id }) => id)),
);

/** Whether a broker serves this page now. */
export function isOpen({ enabled, requiresAuthentication, authenticated }: Broker): boolean {
  return enabled && (authenticated || !requiresAuthentication);
}

/** Keeps `brokers` as the gateway has them. The page calls it once, and it lasts as long as the page. */
export function watchBrokers(): void {
  effect(() => {
    if (connections.value > 0) void load();
  });
  let unsubscribe: (() => void) | null = null;
  effect(() => {
    void generation.value;
    unsubscribe?.();
    unsubscribe = socket.subscribe<{ readonly brokerStatus: Broker }>(
      { query: `subscription { brokerStatus { ${FIELDS} } }` },
      {
        next: ({ data }) => {
          if (data) take(data.brokerStatus);
        },
        error: () => undefined,
        complete: () => undefined,
      },
    );
  });
}

/** Gives a broker this page's own credentials. They are sent, and kept nowhere here. */
export async function authenticate(
  broker: string,
  credentials: Readonly<Record<string, string>>,
): Promise<Problem | null> {
  const answer = await ask<{ readonly authenticateBroker: { readonly session: string; readonly broker: Broker } }>(
    'mutation',
    `mutation ($broker: ID!, $credentials: BrokerCredentials!) {
      authenticateBroker(broker: $broker, credentials: $credentials) { session broker { ${FIELDS} } }
    }`,
    { broker, credentials },
  );
  if (!answer.ok) return answer.problem;
  take(answer.data.authenticateBroker.broker);
  keepSession(answer.data.authenticateBroker.session);
  return null;
}

/** Has a mock broker misbehave for some time. */
export function provokeFault(
  broker: string,
  kind: string,
  forMs: number,
): Promise<Answer<{ readonly provokeFault: { readonly id: string } }>> {
  return ask(
    'mutation',
    `mutation ($broker: ID!, $kind: MockFaultKind!, $forMs: Int) {
      provokeFault(broker: $broker, kind: $kind, forMs: $forMs) { id }
    }`,
    { broker, kind, forMs },
  );
}

async function load(): Promise<void> {
  const answer = await ask<{ readonly brokers: readonly Broker[] }>('query', `{ brokers { ${FIELDS} } }`);
  if (answer.ok) brokers.value = answer.data.brokers;
  // A gateway may be another version after it was away, and one that tells nothing about its schema offers nothing here.
  const schema = await ask<{
    readonly mutation: { readonly fields: readonly { readonly name: string }[] } | null;
    readonly kinds: { readonly enumValues: readonly { readonly name: string }[] } | null;
  }>(
    'query',
    '{ mutation: __type(name: "Mutation") { fields { name } } kinds: __type(name: "MockFaultKind") { enumValues { name } } }',
  );
  const isOffered = schema.ok && schema.data.mutation?.fields.some(({ name }) => name === 'provokeFault') === true;
  faultKinds.value = isOffered ? (schema.data.kinds?.enumValues.map(({ name }) => name) ?? []) : [];
}

function take(broker: Broker): void {
  const known = brokers.value ?? [];
  const before = known.find(({ id }) => id === broker.id);
  brokers.value =
    before === undefined ? [...known, broker] : known.map((each) => (each.id === broker.id ? broker : each));
  // A feed that was refused because the broker was out of service is served again.
  if (before !== undefined && broker.enabled && !before.enabled) generation.value += 1;
}
