// From CommonJS, on Node 20.19 and newer.
const { Queue, Tsrq } = require('tsrq');

async function main() {
  const queue = new Queue('old');
  const job = await queue.enqueue('legacy.run', [1, 2]);
  console.log(job.status, await queue.length());
  await job.delete();
  await Tsrq.default.close();
}

void main();
