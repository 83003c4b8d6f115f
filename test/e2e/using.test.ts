import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { docBlocks, docProject, printedLines } from '../support/doc-blocks.js';

const [block] = docBlocks(`
\`\`\`ts
import { Tsrq, Worker } from 'tsrq';
import { startTestRedis } from 'tsrq/testing';

let end;
{
  await using redis = await startTestRedis();
  await using app = new Tsrq({ url: redis.url });
  await using worker = new Worker('q', { connection: app, handlers: { greet: (name: string) => 'hello ' + name } });
  end = worker.workForever();
  const job = await app.queue('q').enqueue('greet', ['you']);
  console.log(await job.waitForResult()); // → hello you
}
console.log((await end).reason); // → shutdown
\`\`\`
`);

it('await using, as TypeScript writes it for Node 20, ends worker, connections and the Redis of a test: the program exits', async () => {
  if (!block) throw new Error('there is no program');
  const project = docProject([block], null);
  await project.compile();
  expect(readFileSync(join(project.dir, 'out', `line-${block.line}.js`), 'utf8')).toContain('__disposeResources');
  expect(await project.run(block, {})).toEqual(printedLines(block));
});
