"""Evaluates statements sent as JSON lines; answers with what they assign to `result`."""

import json
import sys
import traceback

from redis import Redis
import rq
from rq import Queue, Retry, Worker
from rq.command import send_kill_horse_command, send_shutdown_command, send_stop_job_command
from rq.job import Job
from rq.registry import FailedJobRegistry, FinishedJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer
from rq.suspension import resume, suspend

r = Redis.from_url(sys.argv[1])


def q(name):
    return Queue(name, connection=r, serializer=JSONSerializer)


def job(id):
    return Job.fetch(id, connection=r, serializer=JSONSerializer)


def seen(id):
    """What a Python observer sees of a job."""
    j = job(id)
    latest = j.latest_result()
    date = lambda value: None if value is None else value.isoformat()
    return {
        'status': j.get_status().value,
        'value': j.return_value(),
        'error': latest.exc_string if latest else None,
        'origin': j.origin,
        'worker': j.worker_name,
        'meta': j.meta,
        'created': date(j.created_at),
        'enqueued': date(j.enqueued_at),
        'started': date(j.started_at),
        'ended': date(j.ended_at),
        'retries_left': j.retries_left,
        'timeout': j.timeout,
        'description': j.description,
        'args': list(j.args),
        'kwargs': j.kwargs,
        'executions': [e.id for e in j.get_executions()] if hasattr(j, 'get_executions') else [],
    }


names = dict(globals())
for line in sys.stdin:
    scope = dict(names)
    try:
        exec(json.loads(line), scope)
        answer = {'value': scope.get('result')}
    except BaseException:
        answer = {'error': traceback.format_exc()}
    sys.stdout.write(json.dumps(answer, default=str) + '\n')
    sys.stdout.flush()
