"""Secrets beside moto, which stands for AWS: 200 random sequences of calls, whose answers are compared."""

import json
import subprocess
from pathlib import Path

from drivers import environment
from plane import started

SEQUENCES = 200


def run(arguments):
    """Gives what differs."""
    with started(arguments.binary, ["Moto"]) as plane:
        key = plane.key("Moto", {})
        command = [arguments.peers / "moto/bin/python", Path(__file__).with_name("moto_sequences.py")]
        done = subprocess.run(
            [str(word) for word in command],
            input=json.dumps({"endpoint": f"{plane.url}/aws", "key": key, "seed": arguments.seed, "sequences": SEQUENCES}),
            capture_output=True, text=True, env=environment(), check=False,
        )
    if done.returncode != 0:
        return [f"the sequences ended with {done.returncode}: {done.stderr[-1500:]}"]
    said = json.loads(done.stdout)
    print(f"  {said['calls']} calls in {said['sequences']} sequences", flush=True)
    if said["sequences"] != SEQUENCES or said["calls"] < 5 * SEQUENCES:
        said["differs"].append(f"only {said['calls']} calls were made")
    return said["differs"]
