// Plain JavaScript: jobs by name, for workers of another code base, Python's too.
import { Queue, Tsrq, Worker } from 'tsrq';

const queue = new Queue('words');
const jobs = await Promise.all(['one two', 'three'].map((text) => queue.enqueue('words.count', [text], { ttl: '1h' })));

await new Worker('words', { handlers: { 'words.count': (text) => text.split(' ').length } }).work();

for (const job of jobs) console.log(`${job.id === jobs[0].id ? 'first' : 'second'}: ${await job.waitForResult()}`);
for await (const job of queue.registry('finished')) console.log(job.functionName, job.args);
await Tsrq.default.close();
