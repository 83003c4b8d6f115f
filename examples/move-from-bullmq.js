// Moves the jobs that wait in a queue of BullMQ (waiting, prioritized, delayed) to a queue of tsrq:
//
//   node move-from-bullmq.js mail --map map.json --dry-run
//   node move-from-bullmq.js mail --map map.json
//
// map.json says which function stands for which name: { "welcome": "app.mail.welcome", "*": "app.mail.other" }. The function gets the
// job's data. tsrq's Redis is found as the command line finds it; --from is BullMQ's, default the same address.
//
// The queue of BullMQ is paused first, and stays so. Each job is stored for tsrq before it is removed from BullMQ; when the script is
// interrupted run it again, within a day: what is stored already is recognised, and not stored twice.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Queue } from 'bullmq';
import { enqueueMany, fetchJob, Tsrq } from 'tsrq';

const USAGE = 'node move-from-bullmq.js QUEUE --map FILE [--from URL] [--prefix bull] [--to QUEUE] [--dry-run]';

const { name, queue, functions, url, prefix, dryRun } = readArguments();

const PAGE = 100;
/** In the order in which BullMQ takes them. */
const STATES = ['waiting', 'prioritized', 'delayed'];

const from = new Queue(name, { connection: { url }, prefix });
// Redis was not reached, or the connection is lost: run it again.
from.on('error', (error) => stop(`${error.message} (BullMQ)`));
const redis = Tsrq.default.redisOf(queue);
/** Why jobs stay where they are → their ids. */
const staying = new Map();
const moved = { waiting: 0, prioritized: 0, delayed: 0 };

try {
  if (!dryRun) await from.pause();
  // Delayed jobs whose time comes meanwhile begin to wait: until there is nothing more to be found.
  while ((await movePass()) > 0 && !dryRun);
  await report();
} catch (error) {
  stop(error.message);
}
await from.close();
await Tsrq.default.close();

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        map: { type: 'string' },
        from: { type: 'string', default: process.env.REDIS_URL ?? 'redis://localhost:6379' },
        prefix: { type: 'string', default: 'bull' },
        to: { type: 'string' },
        'dry-run': { type: 'boolean', default: false },
      },
    });
    const [name, ...more] = positionals;
    if (name === undefined || more.length > 0 || values.map === undefined) throw new Error(`usage: ${USAGE}`);
    const functions = new Map(Object.entries(JSON.parse(readFileSync(values.map, 'utf8'))));
    const { to: queue = name, from: url, prefix, 'dry-run': dryRun } = values;
    return { name, queue, functions, url, prefix, dryRun };
  } catch (error) {
    return stop(error.message, 2);
  }
}

function stop(message, code = 1) {
  console.error(`move-from-bullmq: ${message}`);
  process.exit(code);
}

/** Returns how many jobs it has moved, or would. */
async function movePass() {
  let count = 0;
  for (const state of STATES) {
    const here = await moveAll(state);
    moved[state] += here;
    count += here;
  }
  return count;
}

/** Moves what is in a state, page by page; returns how many jobs that were. */
async function moveAll(state) {
  let count = 0;
  for (let offset = 0; ;) {
    const jobs = (await from.getJobs([state], offset, offset + PAGE - 1, true)).filter((job) => job?.id);
    if (jobs.length === 0) return count;
    const stayed = await movePage(jobs, state);
    count += jobs.length - stayed;
    offset += dryRun ? jobs.length : stayed;
  }
}

/** Returns how many of these jobs stay in BullMQ. */
async function movePage(jobs, state) {
  const planned = await Promise.all(jobs.map((job) => plan(job, state)));
  const movable = planned.filter(({ stays }) => stays === null);
  const outcomes = dryRun
    ? []
    : await enqueueMany(
        redis,
        movable.map((one) => one.job),
      );
  await Promise.all(outcomes.map((outcome, i) => remove(movable[i], outcome)));
  for (const { bull, stays } of planned) if (stays !== null) stay(bull.id, stays);
  return planned.filter(({ stays }) => stays !== null).length;
}

/** What a job becomes, or why it stays. */
async function plan(bull, state) {
  const stays = await whyItStays(bull);
  const job = {
    functionName: functionOf(bull),
    args: [bull.data],
    queue,
    id: idOf(bull),
    // An id is refused as long as its job is kept: a second run of this script finds it.
    onExistingId: 'unique',
    resultTtlSeconds: 86_400,
    // BullMQ has no timeout.
    timeoutSeconds: -1,
    meta: { movedFrom: originOf(bull) },
    ...retryOf(bull),
    ...(state === 'delayed' ? { scheduleAt: dueOf(bull) } : {}),
  };
  return { bull, job, stays };
}

async function whyItStays(bull) {
  if (bull.repeatJobKey) return 'made by a job scheduler: write an entry for tsrq cron, and remove the scheduler';
  if (bull.parent) return "part of a flow: let BullMQ's workers finish it";
  if (functionOf(bull) === undefined) return `the map has no function for '${bull.name}'`;
  const { processed = 0, unprocessed = 0 } = await bull.getDependenciesCount({ processed: true, unprocessed: true });
  return processed + unprocessed > 0 ? "the end of a flow: let BullMQ's workers finish it" : null;
}

/** Removes a job from BullMQ when it is stored; `outcome` says whether it is. */
async function remove(one, outcome) {
  const { bull, job } = one;
  if (outcome.state === 'refused') one.stays = `refused: ${outcome.reason}`;
  else if (outcome.state === 'exists' && !(await isMoved(job))) one.stays = `another job has the id '${job.id}'`;
  else {
    await bull.remove().catch((error) => {
      one.stays = `stored for tsrq, and not removed: ${error.message}`;
    });
  }
}

/** Whether it is this very job that has the id, stored when the script ran before. */
async function isMoved({ id, meta }) {
  return (await fetchJob(redis, id))?.meta?.movedFrom === meta.movedFrom;
}

function functionOf({ name: called }) {
  return functions.get(called) ?? functions.get('*');
}

/** By this a job that was moved is known. */
function originOf({ id, timestamp }) {
  return `bullmq:${prefix}:${name}:${id}:${timestamp}`;
}

/** Ids of BullMQ are of one queue, those of RQ of all: its own numbers get the name of the queue. */
function idOf({ id }) {
  return /^\d+$/.test(id) ? escaped(`${name}-${id}`) : escaped(id);
}

/** RQ knows letters, digits, `-` and `_`. */
function escaped(text) {
  return text.replace(/[^\w-]/gu, (char) => `_${char.codePointAt(0).toString(16)}`);
}

/** When a delayed job is due; after a failure its delay counts from about then. */
function dueOf({ timestamp, processedOn, delay }) {
  return new Date(Math.max(timestamp, processedOn ?? 0) + delay);
}

/** The attempts that are left, with the waits before them: at most a thousand, of whole seconds. */
function retryOf({ opts, attemptsMade }) {
  const max = Math.min((opts.attempts ?? 1) - attemptsMade - 1, 1_000);
  if (max < 1) return {};
  const { type = 'fixed', delay = 0 } =
    typeof opts.backoff === 'number' ? { delay: opts.backoff } : (opts.backoff ?? {});
  // What a strategy of the application's own would wait is not known here: at once.
  const waits = { fixed: () => delay, exponential: (i) => delay * 2 ** (attemptsMade + i) };
  const wait = waits[type] ?? (() => 0);
  const intervals = Array.from({ length: max }, (_, i) => Math.min(Math.ceil(wait(i) / 1_000), 31_536_000));
  return { retry: { max, intervals } };
}

function stay(id, why) {
  const ids = staying.get(why) ?? new Set();
  staying.set(why, ids.add(id));
}

async function report() {
  const sum = moved.waiting + moved.prioritized + moved.delayed;
  const counts = STATES.map((state) => `${moved[state]} ${state}`).join(', ');
  console.log(`${dryRun ? 'would move' : 'moved'} ${sum} jobs of ${name} to ${queue} (${counts})`);
  for (const [why, ids] of staying) {
    console.log(`${ids.size} ${ids.size === 1 ? 'stays' : 'stay'}, as ${[...ids].slice(0, 3).join(', ')}: ${why}`);
  }
  const { active = 0, 'waiting-children': parents = 0 } = await from.getJobCounts('active', 'waiting-children');
  if (active + parents > 0) {
    console.log(`${active} run and ${parents} wait for children in BullMQ: run this again when they have ended`);
  }
  if (!dryRun) console.log('the queue of BullMQ stays paused: its workers take nothing from it');
  process.exitCode = staying.size > 0 ? 1 : 0;
}
