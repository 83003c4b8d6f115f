// Enqueues for a worker of Python RQ, and waits for its results. The functions are those of examples/python/words.py:
//   rq worker --path examples/python -S rq.serializers.JSONSerializer words
import { Queue, Tsrq } from 'tsrq';

/** The functions of the other code base, with their types. */
interface PythonJobs {
  'words.count': (text: string) => number;
}

const queue = new Queue<PythonJobs>('words');
const spaces = await queue.enqueue('words.count', ['to be or not to be']);
const commas = await queue.enqueue('words.count', ['a,b'], { kwargs: { separator: ',' }, timeout: '1m' });
console.log(await spaces.waitForResult({ timeout: '1m' }), await commas.waitForResult({ timeout: '1m' }));
await Tsrq.default.close();
