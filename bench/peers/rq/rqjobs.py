def noop(payload):
    return None
