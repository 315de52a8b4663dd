"""The SDKs that go through the table, each in a process of its own that speaks in lines: a call in JSON, its answer in JSON."""

import json
import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
NAMES = ("boto3", "boto3-1.28", "node", "cli", "rust")


def command(name, peers, examples):
    """What starts a driver."""
    node = peers / "aws-node"
    return {
        "boto3": [peers / "aws/bin/python", HERE / "speak_boto3.py"],
        "boto3-1.28": [peers / "aws-2023/bin/python", HERE / "speak_boto3.py"],
        "cli": [peers / "aws-cli/bin/python", HERE / "speak_cli.py"],
        "node": [node / "node/bin/node", HERE / "speak_node.mjs", node],
        "rust": [examples / "speak_sdk"],
    }[name]


def environment():
    """Nothing of the caller's account or settings reaches an SDK."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}
    return kept | nowhere | {"AWS_DEFAULT_REGION": "us-east-1", "AWS_REGION": "us-east-1"}


class Driver:
    """An SDK that waits for calls."""

    def __init__(self, name, peers, examples):
        self.name = name
        line = command(name, peers, examples)
        if not pathlib.Path(line[0]).exists():
            raise SystemExit(f"{line[0]} is not there: `make test-wire` builds and installs what is needed")
        self.process = subprocess.Popen(
            [str(word) for word in line], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), text=True
        )

    def ask(self, call):
        """Has a call made; `ok` or `error` is in the answer, with the status, the headers and how often it was tried."""
        self.process.stdin.write(json.dumps(call) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the driver {self.name} ended at {call['service']}:{call['operation']}")
        answer = json.loads(line)
        if "broken" in answer:
            raise RuntimeError(f"the driver {self.name} could not make {call['service']}:{call['operation']}: {answer['broken']}")
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
