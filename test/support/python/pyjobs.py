import time

from rq import Retry


def add(a, b=2):
    return a + b


def echo(*args, **kwargs):
    return [list(args), kwargs]


def bad(message):
    raise ValueError(message)


def slow(seconds):
    time.sleep(seconds)
    return 'slept'


def note(file, line):
    with open(file, 'a') as out:
        out.write(line + '\n')
    return line


def again(max, interval):
    return Retry(max, interval)


def note_badly(file):
    raise ValueError('no True')


def on_success(job, connection, result):
    note(job.args[0], f'success {job.id} {result}')


def on_failure(job, connection, type, value, traceback):
    note(job.args[0], f'failure {job.id} {value}')
