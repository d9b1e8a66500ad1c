/** The sum of a metric over all its labels, as the gateway at this URL reports it. */
export async function metricOf(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const values = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return values.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** The memory of the gateway's process. */
export function residentBytes(url: string): Promise<number> {
  return metricOf(url, 'process_resident_memory_bytes');
}
