import type { BrokerContext } from './brokers/BaseBroker.ts';
import type { BrokerDefinition } from './core/Broker.ts';
import { replayTraits, ReplayBroker } from './recording/ReplayBroker.ts';
import type { Replay } from './recording/Replay.ts';

/** The broker of a recording, which the configuration knows nothing of. It has the id of the one that was recorded. */
export function defineReplay(replay: Replay, surroundings: Omit<BrokerContext, 'id' | 'sink'>): BrokerDefinition {
  const { id } = replay.header.broker;
  return {
    id,
    enabled: true,
    traits: replayTraits(replay.header),
    shared: (sink) => new ReplayBroker({ ...surroundings, id, sink }, replay),
    clients: null,
  };
}
