import fc from 'fast-check';
import { QUEUES } from './records.js';
import {
  CancelByTsrq,
  DeleteByTsrq,
  Empty,
  EndPause,
  Enqueue,
  EnqueueAgain,
  Move,
  Pause,
  RequeueAll,
  RequeueIds,
  Resume,
  Suspend,
} from './producing.js';
import type { Nothing, Real, World } from './step.js';
import { Cancel, Delete, FlushScripts, MoveDue, Sweep, TwoSweeps } from './upkeep.js';
import {
  ClaimJobs,
  ClaimMoved,
  Crash,
  FinishAgain,
  FinishAndClaim,
  GhostFinish,
  Heartbeat,
  Lapse,
  LoseWorkerHash,
  Register,
  Wait,
} from './working.js';

const queue = fc.constantFrom(...QUEUES);
/** Few, so that they collide. */
const id = fc.constantFrom('j0', 'j1', 'j2', 'j3', 'j4');
const worker = fc.nat(2);
const which = fc.nat(20);
const flag = fc.boolean();
const queues = fc.oneof({ weight: 2, arbitrary: fc.constant(QUEUES) }, fc.uniqueArray(queue, { minLength: 1 }));
const nothing = fc.constant<Nothing>({});
const requeueHow = { atFront: flag, keepRetries: flag };

const enqueue = fc.record({
  ...{ id, queue, front: flag, times: fc.constantFrom(1, 1, 2, 3) },
  rule: fc.constantFrom('refuse' as const, 'unique' as const, 'replace' as const, 'replace' as const),
  resultTtl: fc.constantFrom(null, null, 0, -1, 500),
  failureTtl: fc.constantFrom(null, null, null, 0, -1, 7_200),
  retry: fc.constantFrom(
    null,
    { max: 1, intervals: [0] },
    { max: 2, intervals: [3_600] },
    { max: 3, intervals: [0, 3_600] },
  ),
});
const finish = fc.record({
  ...{ worker, from: which, next: fc.record({ count: fc.constantFrom(0, 0, 1, 2), queues }) },
  kinds: fc.array(fc.constantFrom('finished', 'failed', 'failed', 'stopped', 'returned'), {
    minLength: 1,
    maxLength: 4,
  }),
  defaultResultTtl: fc.constantFrom(500, 500, -1, 0),
});

const due = fc.record({ queue: which, which: fc.option(which), schedulers: fc.constantFrom(1 as const, 2 as const) });

type Command = fc.AsyncCommand<World, Real>;

/** How likely each is, and how it is made. */
const COMMANDS: readonly (readonly [weight: number, arbitrary: fc.Arbitrary<Command>])[] = [
  [14, enqueue.map((p) => new Enqueue(p))],
  [3, fc.record({ which }).map((p) => new EnqueueAgain(p))],
  [14, fc.record({ worker, count: fc.integer({ min: 1, max: 3 }), queues }).map((p) => new ClaimJobs(p))],
  [14, finish.map((p) => new FinishAndClaim(p))],
  [3, fc.record({ worker, which }).map((p) => new FinishAgain(p))],
  [6, fc.record({ worker, which }).map((p) => new Wait(p))],
  [5, fc.record({ worker }).map((p) => new ClaimMoved(p))],
  [3, fc.record({ worker }).map((p) => new Heartbeat(p))],
  [4, fc.record({ worker }).map((p) => new Lapse(p))],
  [2, fc.record({ worker }).map((p) => new Crash(p))],
  [8, fc.record({ worker }).map((p) => new GhostFinish(p))],
  [1, fc.record({ worker }).map((p) => new LoseWorkerHash(p))],
  [8, fc.record({ worker }).map((p) => new Register(p))],
  [4, fc.record({ queue }).map((p) => new Sweep(p))],
  [4, fc.record({ queue }).map((p) => new TwoSweeps(p))],
  [6, due.map((p) => new MoveDue(p))],
  [4, fc.record({ which, raced: flag }).map((p) => new Cancel(p))],
  [3, fc.record({ which, raced: flag }).map((p) => new Delete(p))],
  [1, fc.record({ ids: fc.uniqueArray(id, { minLength: 1 }), ...requeueHow }).map((p) => new RequeueIds(p))],
  [2, fc.record(requeueHow).map((p) => new RequeueAll(p))],
  [1, fc.record({ queue }).map((p) => new Empty(p))],
  [3, fc.record({ from: queue, to: queue }).map((p) => new Move(p))],
  [4, fc.record({ id }).map((p) => new CancelByTsrq(p))],
  [3, fc.record({ id }).map((p) => new DeleteByTsrq(p))],
  [1, fc.record({ queue }).map((p) => new Pause(p))],
  [6, fc.record({ queue }).map((p) => new EndPause(p))],
  [1, nothing.map((p) => new Suspend(p))],
  [8, nothing.map((p) => new Resume(p))],
  [1, nothing.map((p) => new FlushScripts(p))],
];

/** Up to `maxCommands` things that happen to three queues, three workers and five ids. */
export const commands = (maxCommands: number): fc.Arbitrary<Iterable<Command>> =>
  fc.commands(
    COMMANDS.flatMap(([weight, arbitrary]) => Array<fc.Arbitrary<Command>>(weight).fill(arbitrary)),
    // Long ones: what goes wrong needs jobs that have been somewhere.
    { maxCommands, size: 'max' },
  );
