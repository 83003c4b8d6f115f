// Enqueues jobs, runs a worker until they are done, and shows their results.
import { Tsrq, Worker } from 'tsrq';
import { buildReport, sendReset } from './jobs.js';

const reset = await sendReset.enqueue(42);
const urgent = await sendReset.with({ queue: 'priority' }).enqueue(7);
const report = await buildReport.enqueue('2026-11');

// In production this is a process of its own: tsrq worker --jobs dist/jobs.js priority email reports
await new Worker(['priority', 'reports', 'email'], { isolation: 'none' }).work();

console.log(await reset.waitForResult());
console.log(await urgent.waitForResult());
console.log(await report.waitForResult({ timeout: '1m' }));
await Tsrq.default.close();
