import time


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
