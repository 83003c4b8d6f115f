import json
import os
import time

from rq import get_current_job


def work(ledger, key, ms, fail_above):
    """Writes into a ledger outside Redis that it began and that it ended, as chaos.js does."""
    job = get_current_job()

    def note(what):
        entry = {'t': time.time() * 1000, 'what': what, 'key': key, 'execution': '', 'left': job.retries_left or 0, 'worker': job.worker_name or '', 'pid': os.getpid()}
        with open(ledger, 'a') as file:
            file.write(json.dumps(entry) + '\n')

    note('begin')
    time.sleep(ms / 1000)
    note('end')
    if fail_above >= 0 and (job.retries_left or 0) > fail_above:
        raise RuntimeError('a planned failure')
    return key
