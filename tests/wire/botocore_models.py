"""Whether AWS's models, as they were cut for the tests, are what the newest SDK has. That the door's own table is as they say, its unit
tests see."""

import cut_models


def run(_):
    """Gives what differs."""
    if not cut_models.differs():
        return []
    return [f"{cut_models.CUT.name} is not what this botocore has: run tests/wire/cut_models.py and look at what changed"]
