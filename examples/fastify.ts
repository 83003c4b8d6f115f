// A web server that enqueues reports and tells of them: npx jiti examples/fastify.ts
//   curl -X POST localhost:3000/reports -H 'content-type: application/json' -d '{"month": "2026-11"}'
//   curl 'localhost:3000/reports/ID?wait=10'
// Its jobs are run by workers: npx tsrq worker --jobs examples/jobs.ts reports email
import { pathToFileURL } from 'node:url';
import Fastify, { type FastifyInstance } from 'fastify';
import { Job, JobNotFinishedError, Tsrq, TsrqError } from 'tsrq';
import { buildReport } from './jobs.js';

/** Seconds that a request for a result may wait. */
const MOST_SECONDS = 30;

export function buildServer(): FastifyInstance {
  const server = Fastify();
  server.post<{ Body: { month: string } }>(
    '/reports',
    { schema: { body: { type: 'object', required: ['month'], properties: { month: { type: 'string' } } } } },
    async (request, reply) => {
      const job = await buildReport.enqueue(request.body.month);
      return reply.code(202).header('location', `/reports/${job.id}`).send({ id: job.id });
    },
  );

  // The state of a job, and its result once it has one; with `wait` that is waited for, so many seconds at most.
  server.get<{ Params: { id: string }; Querystring: { wait?: string } }>('/reports/:id', async (request, reply) => {
    const job = await Job.fetch(request.params.id, { queue: 'reports' });
    if (job?.functionName !== buildReport.jobName) return reply.code(404).send({ error: 'no such report' });
    const seconds = Math.min(MOST_SECONDS, Number(request.query.wait ?? 0));
    if (seconds > 0) {
      const gone = new AbortController();
      // Nobody waits for the answer any more.
      reply.raw.once('close', () => {
        gone.abort();
      });
      await job.waitForResult({ timeout: seconds, signal: gone.signal }).catch(unlessNotFinished);
    }
    const result = await job.result();
    return { status: job.status, progress: job.progress?.percent ?? null, result };
  });

  // Redis away: the client may come again.
  server.setErrorHandler((error, _, reply) => {
    if (!(error instanceof TsrqError && error.code === 'REDIS_UNREACHABLE')) throw error;
    return reply.code(503).header('retry-after', '5').send({ error: 'try again later' });
  });
  server.addHook('onClose', () => Tsrq.default.close());
  return server;
}

/** What has not ended in time, or ended without a result, is told by its status. */
function unlessNotFinished(error: unknown): void {
  const late = error instanceof TsrqError && error.code === 'TIMED_OUT';
  if (!late && !(error instanceof JobNotFinishedError)) throw error;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const server = buildServer();
  console.log(`listening on ${await server.listen({ port: Number(process.env['PORT'] ?? 3000) })}`);
  process.once('SIGTERM', () => void server.close());
}
