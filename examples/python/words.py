"""Jobs in Python, for producers of TypeScript (examples/to-python.ts):

    rq worker --path examples/python -S rq.serializers.JSONSerializer words
"""


def count(text, *, separator=" "):
    return len(text.split(separator))
