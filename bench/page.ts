import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { ensureDashboard } from '../web/build/ensure.ts';
import { GatewayProcess, OFFLINE } from '../test/support/GatewayProcess.ts';

// How smoothly the dashboard draws while many updates come: `npm run bench:page -- --seconds 60 --ticks 80`. Two watched symbols,
// a quote, a chart, a book and a tape get about seven messages for each tick of the mock broker.

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    ticks: { type: 'string', default: '80' },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
  },
});
const seconds = Number(values.seconds);

interface Figures {
  readonly gaps: readonly number[];
  readonly longTasks: readonly number[];
  readonly heapBytes: number;
}

/** Runs in the page: the times between its frames, and what held its thread for more than 50 ms. */
const MEASURE = `new Promise((resolve) => {
  const gaps = [], longTasks = [];
  const observer = new PerformanceObserver((list) => longTasks.push(...list.getEntries().map(({ duration }) => duration)));
  observer.observe({ type: 'longtask' });
  const end = performance.now() + ${seconds * 1_000};
  let last = performance.now();
  const frame = (now) => {
    gaps.push(now - last);
    last = now;
    if (now < end) requestAnimationFrame(frame);
    else resolve({ gaps, longTasks, heapBytes: performance.memory.usedJSHeapSize });
  };
  requestAnimationFrame(frame);
})`;

await ensureDashboard(console.error);
await using gateway = new GatewayProcess({
  env: { ...OFFLINE, TICKGRAPH_BROKERS__MOCK_BINANCE__TICKS_PER_SECOND: values.ticks },
});
const url = await gateway.listening();
const browser = await chromium.launch({ executablePath: values.chromium, args: ['--no-sandbox'] });
try {
  const page = await browser.newPage({ viewport: { width: 1_440, height: 900 } });
  let messages = 0;
  page.on('websocket', (socket) => {
    socket.on('framereceived', () => (messages += 1));
  });
  await page.goto(url);
  await page.locator('.tape tbody tr').nth(50).waitFor();
  // Work that is done once, at the beginning, is no part of the measurement.
  await page.waitForTimeout(3_000);
  // Time of the processor, so that other work on the machine does not count.
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const before = await session.send('Performance.getMetrics');
  messages = 0;
  const { gaps, longTasks, heapBytes } = (await page.evaluate(MEASURE)) as Figures;
  const after = await session.send('Performance.getMetrics');
  const spent = (name: string): string => {
    const [from = 0, to = 0] = [before, after].map(({ metrics }) => metrics.find((each) => each.name === name)?.value);
    return `${((1_000 * (to - from)) / gaps.length).toFixed(1)} ms`;
  };
  const sorted = gaps.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1);
  console.log(
    [
      `${(messages / seconds).toFixed(0)} messages/s for ${seconds} s`,
      `${(gaps.length / seconds).toFixed(1)} frames/s; between frames: median ${at(0.5)} ms, 99% ${at(0.99)} ms, 99.9% ${at(0.999)} ms, longest ${at(1)} ms`,
      `frames later than 50 ms: ${gaps.filter((gap) => gap > 50).length} of ${gaps.length}`,
      `tasks longer than 50 ms: ${longTasks.length}${longTasks.length > 0 ? `, the longest ${Math.max(...longTasks).toFixed(0)} ms` : ''}`,
      `processor time a frame: ${spent('TaskDuration')}, of it script ${spent('ScriptDuration')}, style ${spent('RecalcStyleDuration')}, layout ${spent('LayoutDuration')}`,
      `heap ${(heapBytes / 1e6).toFixed(1)} MB`,
    ].join('\n'),
  );
} finally {
  await browser.close();
}
