/** The gateway's own figures at a moment. */
export interface Sample {
  readonly atMs: number;
  readonly rssMb: number;
  readonly heapMb: number;
  readonly cpuS: number;
  /** Events written to clients since its start. */
  readonly events: number;
  readonly connections: number;
  /** The number of things that keep the event loop alive, without client connections: servers, timers, connections to venues. */
  readonly resources: number;
  readonly timers: number;
}

/** Reads the metrics that a sample needs from their text. */
export function parseSample(text: string, atMs: number): Sample {
  const sum = (name: string, label = ''): number =>
    text
      .split('\n')
      .filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(label))
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  const connections = sum('tickgraph_connections');
  return {
    atMs,
    rssMb: sum('process_resident_memory_bytes') / 1_048_576,
    heapMb: sum('nodejs_heap_size_used_bytes') / 1_048_576,
    cpuS: sum('process_cpu_user_seconds_total') + sum('process_cpu_system_seconds_total'),
    events: sum('tickgraph_events_delivered_total'),
    connections,
    resources: sum('nodejs_active_resources_total') - sum('nodejs_active_resources', 'type="Timeout"') - connections,
    timers: sum('nodejs_active_resources', 'type="Timeout"'),
  };
}
