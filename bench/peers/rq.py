"""Python RQ: the same tasks as the other peers, `rq.py TASK COUNT OPTIONS`."""
import json
import os
import sys
import time
from datetime import datetime, timezone

HERE = os.path.dirname(os.path.abspath(__file__))
# This file must not stand in for the package.
sys.path = [path for path in sys.path if os.path.abspath(path or '.') != HERE]

import redis  # noqa: E402
import rq  # noqa: E402
from rq.serializers import JSONSerializer  # noqa: E402

task, count, options = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
WORDS = 'order invoice total street city customer amount note paid open sent back'.split(' ')


def rows(size):
    """The same rows as task.js sends."""
    seed, length, found = 1, 0, []

    def random(below):
        nonlocal seed
        seed = (seed * 48_271) % 2_147_483_647
        return seed % below

    def words(many):
        return ' '.join([WORDS[random(len(WORDS))] for _ in range(many)])

    while length < size:
        row = {'id': random(10**9), 'name': words(1), 'note': words(6), 'price': random(10**6) / 100}
        row['at'] = datetime.fromtimestamp(random(2 * 10**9), timezone.utc).strftime('%Y-%m-%dT%H:%M:%S.000Z')
        found.append(row)
        length += len(json.dumps(row, separators=(',', ':'))) + 1
    return found


def main():
    if task == 'version':
        print(json.dumps({'version': rq.VERSION}))
        return
    connection = redis.Redis.from_url(os.environ['BENCH_REDIS'])
    queue = rq.Queue('q0', connection=connection, serializer=JSONSerializer)
    if task == 'enqueue':
        queue.enqueue('rqjobs.noop', {'n': 0})
        started = time.perf_counter()
        for i in range(count):
            queue.enqueue('rqjobs.noop', {'n': i})
        print(json.dumps({'rate': count / (time.perf_counter() - started)}))
    elif task == 'bulk':
        size = options.get('bytes', 0)
        more = {'rows': rows(size)} if size > 0 else {}
        started = time.perf_counter()
        for start in range(0, count, 1000):
            queue.enqueue_many([queue.prepare_data('rqjobs.noop', ({'n': i, **more},)) for i in range(start, min(start + 1000, count))])
        print(json.dumps({'rate': count / (time.perf_counter() - started)}))
    elif task == 'drain':
        sys.path.append(os.path.join(HERE, 'rq'))
        kind = rq.SimpleWorker if options.get('simple') else rq.Worker
        worker = kind([queue], connection=connection, serializer=JSONSerializer)
        first = time.time() * 1000
        worker.work(burst=True, logging_level='ERROR')
        print(json.dumps({'jobs': count, 'first': first, 'last': time.time() * 1000}))


main()
